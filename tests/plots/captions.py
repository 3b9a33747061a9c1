"""What a plot says: its caption, which the PNG also holds as its description."""

from PIL import Image


def caption(path) -> str:
    with Image.open(path) as image:
        assert image.width > 600 and image.height > 400 and image.convert("L").getextrema() == (0, 255)
        return image.text["Description"]
