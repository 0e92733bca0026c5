"""What runs and what ran: durable records of every job, their service, and the supervisor that moves them on."""
