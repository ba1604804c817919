"""The sections of a brief, one file a question: each asks the evidence, or a room, and says what it found."""
