"""The directive `shown`: code, and the pictures that it has just made.

    ```{shown} small.jpg
    photo.constrain(200, 200).save("small.jpg")
    ```

The code of all blocks of a page runs in one folder with drawn pictures, in which `imf`
and `photo` are defined. An example that fails, fails the build.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SETUP = 'import imageflow_loader as imf\nphoto = imf.decode("photo.jpg")\n'


class Shown(SphinxDirective):
    """Run the code, show it, and show what it has made."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the code above its pictures."""
        folder = Path(self.env.srcdir, "_gallery")
        names: dict[str, Any] = self.env.temp_data.setdefault("gallery_names", {})
        code = "\n".join(self.content)
        before = Path.cwd()
        os.chdir(folder)
        try:
            if not names:
                exec(SETUP, names)  # noqa: S102 - our own pages
            exec(code, names)  # noqa: S102 - likewise
        except Exception as error:
            raise self.error(f"the example fails: {error!r}") from error
        finally:
            os.chdir(before)
        both = nodes.container(classes=["shown"])
        block = nodes.literal_block(code, code, language="python")
        pictures = nodes.container(classes=["pictures"])
        for name in self.arguments[0].split():
            if not (folder / name).is_file():
                raise self.error(f"the example does not make {name}")
            alt = f"what the code above it makes: {name}"
            pictures += nodes.image(uri=f"/_gallery/{name}", alt=alt)
        both += [block, pictures]
        return [both]


def draw(app: Sphinx) -> None:
    """Begin with the drawn pictures and nothing else."""
    from tests.docs.album import draw_into

    folder = Path(app.srcdir, "_gallery")
    shutil.rmtree(folder, ignore_errors=True)
    draw_into(folder)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all this."""
    app.add_directive("shown", Shown)
    app.connect("builder-inited", draw)
    return {"parallel_read_safe": False}
