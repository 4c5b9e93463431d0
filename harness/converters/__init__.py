"""What makes text of speech, images, PDF files and web pages; ``harness.cascade`` has the table of them.

    Tesseract("deu").text(Path("scan.png").read_bytes())

Each module imports its package where it is used, and says which extra brings it.
"""
