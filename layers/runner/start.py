"""What the larger runner's container starts with: fetch the function and its layers as they were deployed, and run it.

It runs on the image's own Python, with boto3 and nothing else: its text is the container's command. ``ASSETS`` lists
``bucket/key`` of archives, the function's own the last; the one argument is the job.
"""

import os
import sys
import zipfile

import boto3

FOLDER = os.environ.get("RUNNER_FOLDER", "/opt/opsloop")


def unpack(archive: str, folder: str) -> None:
    """Unpack an archive with the permissions that its files had."""
    with zipfile.ZipFile(archive) as packed:
        for one in packed.infolist():
            path = packed.extract(one, folder)
            if not one.is_dir() and (mode := (one.external_attr >> 16) & 0o777):
                os.chmod(path, mode)


def main() -> None:
    """Become the function's process."""
    s3, path = boto3.client("s3"), []
    for number, asset in enumerate(os.environ["ASSETS"].split()):
        bucket, _, key = asset.partition("/")
        folder, archive = f"{FOLDER}/{number}", f"{FOLDER}/{number}.zip"
        os.makedirs(folder, exist_ok=True)
        s3.download_file(bucket, key, archive)
        unpack(archive, folder)
        os.remove(archive)
        path.append(folder)
    code = path.pop()
    found = [f"{layer}/python" for layer in path] + [folder for folder in sys.path if folder]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(found)}
    os.execve(sys.executable, [sys.executable, f"{code}/handler.py", *sys.argv[1:]], environment)  # noqa: S606


main()
