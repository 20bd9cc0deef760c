"""What a classifier service can do with a device stand-in: requests a second and how long they take, from callers that never pause."""
