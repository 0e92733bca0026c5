"""What encoders make texts into vectors with: installed text models, and random projections of counts."""
