"""DigitalOcean's own examples of its answers, as files; README.md says where they are from."""

from pathlib import Path

EXAMPLES = Path(__file__).parent
