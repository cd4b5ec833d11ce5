"""What the application serves: whether its databases are ready, and what is pending."""
