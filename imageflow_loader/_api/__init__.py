"""What can I do in one line?"""

from .batch import BatchItem as BatchItem, batch as batch
from .oneliners import (
    ainfo as ainfo,
    aprocess as aprocess,
    arun as arun,
    info as info,
    process as process,
    run as run,
    thumbnail as thumbnail,
)
