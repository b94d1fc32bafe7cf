"""What becomes of results: a gradebook, pages for learners, and the forms that other tools read. All from one model."""
