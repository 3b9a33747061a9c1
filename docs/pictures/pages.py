"""Takes a picture of a report in a headless browser, compressed for the documentation.

    python docs/pictures/pages.py compared/index.html --out docs/pictures/compare.png --height 1150

Needs Chromium. The page is opened as a file: no host can be reached.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

MOST, COLOURS = 150_000, (256, 128, 64)  # bytes of a picture; colours of its palette where all are too many
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--headless", "--no-sandbox", "--hide-scrollbars", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")


def photograph(page: Path, out: Path, width: int, height: int) -> None:
    """A PNG of the top of a page, so many points wide and high."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"no browser: install one of {', '.join(BROWSERS)}")
    with tempfile.TemporaryDirectory() as folder:
        asked = [
            f"--window-size={width},{height}",
            "--virtual-time-budget=8000",
            "--host-resolver-rules=MAP * ~NOTFOUND",
        ]
        asked += [f"--user-data-dir={folder}/profile", f"--screenshot={folder}/page.png"]
        subprocess.run([browser, *OPTIONS, *asked, page.resolve().as_uri()], check=True, capture_output=True)
        compress(Path(folder) / "page.png", out)


def compress(picture: Path, out: Path) -> None:
    """The same, in as many colours as 150 kB allow."""
    from PIL import Image

    with Image.open(picture) as image:
        whole, kept = image.convert("RGB"), Image.Quantize.MAXCOVERAGE  # rare colours too, such as those of a legend
        forms = [whole, *(whole.quantize(colours, kept, dither=Image.Dither.NONE) for colours in COLOURS)]
        for form in forms:
            form.save(out, "PNG", optimize=True)
            if out.stat().st_size <= MOST:
                return
    raise SystemExit(f"{out} has {out.stat().st_size:,} bytes, more than {MOST:,}: take less of the page (--height)")


def main() -> None:
    """Takes the picture."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("page", type=Path, help="an HTML file")
    asked.add_argument("--out", type=Path, required=True, help="the PNG")
    asked.add_argument("--width", type=int, default=1100, help="points; 390 is a phone")
    asked.add_argument("--height", type=int, default=1100, help="points of the page that are shown")
    given = asked.parse_args()
    photograph(given.page, given.out, given.width, given.height)
    print(f"{given.out}: {given.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
