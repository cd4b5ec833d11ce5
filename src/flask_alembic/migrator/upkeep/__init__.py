"""Looking after an application's set-up: the doctor, and adopting other tools' folders."""
