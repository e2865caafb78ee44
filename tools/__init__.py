"""What maintains the documentation."""
