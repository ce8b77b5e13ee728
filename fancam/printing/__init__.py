"""Card sizes, cards and contact sheets."""
