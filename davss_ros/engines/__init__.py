"""What computes, and what that needs of the machine."""
