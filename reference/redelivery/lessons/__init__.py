"""What lessons show that no exercise asks for."""
