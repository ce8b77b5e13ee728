"""Concert videos and group photos in, print-ready photocards out."""
