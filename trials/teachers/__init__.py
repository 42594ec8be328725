"""Opens trained networks that teach others: weights of a trial, ONNX files, functions of the user's own."""
