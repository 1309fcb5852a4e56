"""Its being here puts this folder on the import path: `from support import ...` works in every unit test."""
