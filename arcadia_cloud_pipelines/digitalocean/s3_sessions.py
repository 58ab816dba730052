"""Sessions of boto3 that neither the machine's AWS settings nor a redirect change."""

from __future__ import annotations

import os
from typing import Any

from ..settings.values import SpacesKey


def s3_session(key: SpacesKey) -> Any:
    """A session of boto3's, of which the machine's AWS settings change nothing."""
    import boto3
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
    from botocore.loaders import Loader
    from botocore.session import Session

    # Each variable: name in files, name in the environment, default, conversion.
    variables = {
        name: (None, None, default, conversion)
        for name, (_, _, default, conversion) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    nowhere = (None, None, os.devnull, None)
    session = Session(
        session_vars={**variables, "config_file": nowhere, "credentials_file": nowhere}
    )
    # Else ~/.aws/models could replace what S3 is.
    session.register_component(
        "data_loader", Loader([Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    )
    return boto3.Session(
        aws_access_key_id=key.access_key_id.reveal(),
        aws_secret_access_key=key.secret_access_key.reveal(),
        botocore_session=session,
    )


def not_redirected(context: dict[str, Any], **_: object) -> None:
    """Tell botocore's S3RegionRedirector that it was at work already.

    It would follow a redirect by asking again, signed, where the answer says; nothing turns it off.
    """
    context["s3_redirect"]["redirected"] = True
