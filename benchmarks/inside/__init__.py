"""Files that are copied into an application's folder and run there."""
