"""What a training would do, found out before its first step."""
