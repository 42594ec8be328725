"""Opens trained networks that teach others: donors, ONNX files, functions of the user's own."""
