"""Who may use the service: hosts, browser pages, signatures, passwords, certificates, connections."""
