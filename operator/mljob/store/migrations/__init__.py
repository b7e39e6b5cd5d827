"""The history of the tables. A migration that was released is never edited; a new one is added."""
