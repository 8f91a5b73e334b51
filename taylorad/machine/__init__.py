"""What turns LLVM text into functions that Python can call; it knows nothing of derivatives."""
