"""What runs in processes of its own: servers, rivals, and measuring from within."""
