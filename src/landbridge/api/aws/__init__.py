"""AWS's side of the door: requests and answers exactly as EC2's and STS's clients know them."""
