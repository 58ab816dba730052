"""Texts that are credentials or name a person, told by their shape alone, and names of such fields.

This is for what people write where it does not belong: a token in a description, a password in a
URL, and for texts of other people's programs. detect-secrets was tried instead: it takes 0.9 ms a
text, which is more than all else that is done with an object, and it does not know the shapes of
DigitalOcean, Google, Docker or Vault.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import cache

MASK = "***"

# -- words that stand before a credential ---------------------------------------------------------

# Anywhere in a longer word: clientSecret=, PGPASSWORD=, access_token: x.
_LONG = (
    r"passphrase|passwords?|passwd|passcode|secrets?(?:[_-]?(?:access[_-]?)?key(?:[_-]?base)?)?"
    r"|token(?:[_-]?secret)?|credentials?"
    r"|(?:api|account|access|auth|encryption|master|private|service|shared|signing|storage"
    r"|session)[_-]?keys?|connection[_-]?string"
)
_SHORT = "pass|pwd|pw|otp|totp|jwt|dsn"
# Not within another word (compass=), but where a word of camelCase begins (dbPass=).
_WORD = (
    rf"(?:(?i:{_LONG}|(?<![a-z])(?:{_SHORT}))|(?<=[a-z])(?:Pass|Pwd|Pw|Otp|OTP|Totp|Jwt|JWT|Dsn))"
)
# What says that there is none, or only what is the matter with it.
_NOTHING = (
    r"(?!\\*[\"']?(?i:null|none|true|false|required|invalid|missing|expired|\*+)"
    r"(?:[\s\\\"',;.}\]]|$))"
)
_VALUE = r"(?:\[[^\]]*|\\*\"(?:[^\"\\]|\\.)*|'[^']*|[^\s\"',;&}]+)"
_PAIR = re.compile(
    # DB_PASS=x, password: x, {"password":"x"}, JSON within JSON, ?api_key=x.
    rf"{_WORD}(?:_?[0-9]{{1,3}})?\\*[\"']?\s{{0,8}}(?:=>?|:(?!//))\s{{0,8}}{_NOTHING}{_VALUE}"
    rf"|(?i:--?(?:{_LONG}|{_SHORT})\s{{1,8}}(?![\s-])\S+)"
    # All of the line: a cookie has several parts, and a header a scheme before its value.
    r"|(?i:(?<![a-z])(?:(?:proxy-)?authorization|(?:set-)?cookie)\\*[\"']?\s{0,8}[:=]\s{0,8}\S.*)"
    r"|(?i:(?:signature|(?<![a-z])sig)=[^&\s]{6,})"
)
_STEM = re.compile(r"pass|pwd|pw|secret|token|key|cred|otp|jwt|dsn|string|auth|cookie|sig")

# -- addresses ------------------------------------------------------------------------------------

_APPRISE = (
    "apprises?|bark|chanify|clickatell|discord|flock|gchat|gotifys?|guilded|ifttt|join|mailgun"
    "|mailtos?|matrixs?|messagebird|mmosts?|msg91|msteams|ntfys?|opsgenie|pagerduty|pagertree"
    "|pbul|pjet|plivo|pover|prowl|pushed|pushsafer|psafers?|pushy|rockets?|ryver|sendgrid|ses"
    "|signals?|simplepush|slack|sns|splunk|spush|teams|tgram|twilio|victorops|vonage|webex"
    "|workflows|wxteams|zulip"
)
_URL = re.compile(
    # A password, or a token alone, before the host; a port before a path is neither.
    r"://[^/\s:@]{0,256}:(?![0-9]{1,5}(?:[/?#]|$))\S{1,512}@|://[^/\s:@?#]{16,256}@"
    # Addresses that let everybody post who knows them.
    r"|(?i:hooks\.(?:slack|zapier)\.com|discord(?:app)?\.com/api/webhooks"
    r"|webhook\.office\.com|outlook\.office(?:365)?\.com/webhook|chat\.googleapis\.com/v1/spaces"
    r"|api\.telegram\.org/(?:file/)?bot|maker\.ifttt\.com/trigger|hc-ping\.com"
    r"|events\.pagerduty\.com/integration)/?\S+"
    # apprise has tokens where other addresses have hosts.
    rf"|(?i:(?<![a-z])(?:{_APPRISE})://\S+)"
)

# -- vendors' own shapes --------------------------------------------------------------------------

# Each begins with a letter of its own, so that the search leaps from one possible start to the
# next. Nothing is asked of what stands before the rarest: a text may run into them.
_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY.*|PuTTY-User-Key-File-[0-9].*"
    r"|LS0tLS1CRUdJTi(?!BDRVJU|BQVUJMSU)[\w+/=-]{20,}"
    r"|AGE-SECRET-KEY-1[0-9A-Za-z]{16,}|age-secret-key-1[0-9a-z]{16,}|AGE-PLUGIN-[0-9A-Z-]{16,}"
    r"|dop_v1_\w{16,}|do[a-z]_v1_\w{16,}|AVNS_[\w-]{8,}"
    # Ids of access keys are none themselves, but stand beside their secret, which has no shape.
    r"|DO00[0-9A-Z]{15,17}\b.*|DO801[0-9A-Z]{15,17}\b.*"
    r"|AKIA[0-9A-Z]{15,17}.*|ASIA[0-9A-Z]{15,17}.*"
    r"|eyJ[\w-]{10,}\.[\w.-]{10,}"
    r"|gh[pousr]_[\w-]{16,}|github_pat_[\w-]{16,}|hf_[\w-]{16,}"
    r"|gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|ffct)-[\w.-]{16,}"
    r"|xox[a-z](?:\.xox[a-z])?-[\w-]{16,}|xapp-[\w-]{16,}"
    r"|sk-(?<![A-Za-z0-9]sk-)(?:[a-z0-9]+-){0,3}\w{32,}[\w-]*|sk-ant-[\w-]{24,}|sk-proj-[\w-]{32,}"
    r"|sk_(?:live|test)_\w{10,}|rk_(?:live|test)_\w{10,}|pk_(?:live|test)_\w{10,}"
    r"|whsec_[\w+/=-]{16,}"
    r"|AIza[\w-]{30,}|ya29\.[\w-]{16,}|GOCSPX-[\w-]{16,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|npm_\w{30,}|pypi-Ag[\w-]{20,}|pypi-[\w-]{50,}"
    r"|dckr_(?:pat|oat)_[\w-]{16,}|hv[sbr]\.[\w-]{16,}"
    r"|SK(?<![A-Za-z0-9]SK)[0-9a-f]{32}(?![0-9a-f])|key-(?<![A-Za-z]key-)[0-9a-f]{32}(?![0-9a-f])"
    r"|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{16,}|sq0[a-z]{3}-[\w-]{16,}|EAAA[\w-]{50,}"
    r"|dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{30,}|dapi[0-9a-f]{32}"
    r"|NRAK-[0-9A-Z]{20,}|gls?[ac]_[\w+/=-]{20,}|sntry[su]_[\w+/=-]{20,}|lin_api_\w{20,}"
    r"|PMAK-[0-9a-f-]{30,}|tskey-[\w-]{16,}|rubygems_[0-9a-f]{30,}|pul-[0-9a-f]{40}"
    r"|sbp_[0-9a-f]{30,}|fo1_[\w-]{20,}|fm[12]_[\w+/=-]{20,}|ATATT3[\w=-]{20,}|ATBB\w{20,}"
    r"|fig[dou]_[\w-]{20,}|dt0[a-z][0-9]{2}\.\w{20,}\.\w{40,}|nfp_\w{20,}|HRKU-[\w-]{20,}"
    r"|ntn_\w{30,}|secret_[A-Za-z0-9]{40,}"
    r"|[Bb](?i:earer) {1,8}[\w.~+/=-]{16,}",
    re.DOTALL,
)
# Those that begin with anything; each with a part that is looked for first.
_ODD = (
    (".atlasv1.", re.compile(r"\w{14}\.atlasv1\.[\w-]{30,}")),
    ("-us", re.compile(r"[0-9a-f]{32}-us[0-9]{1,2}(?![0-9a-z])")),
    (":AA", re.compile(r"(?<![0-9])[0-9]{8,10}:AA[\w-]{32,}")),
    ("1//0", re.compile(r"(?<![\w/])1//0[\w-]{20,}")),
    (
        "s.",  # Vault's, before 1.10
        re.compile(r"(?<![\w.-])s\.(?=[A-Za-z]*[0-9])(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{24}(?![\w.-])"),
    ),
)
_BASIC = re.compile(r"(?i:(?<![a-z])basic) {1,8}([A-Za-z0-9+/_-]{6,}={0,2})")
# Ids, digests, addresses, times, versions.
_PLAIN = re.compile(r"[0-9a-f:.TZ/+-]*")
_SHORTEST = 20
_SHORT_SIGNS = ("AVNS_", "asic ", "ASIC ", "k_live_", "k_test_")

# The lookbehind keeps a long text without @ from being read once for each of its letters.
_MAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")

_REMEMBERED = 20_000
_harmless: set[str] = set()


def holds_secret(text: str) -> bool:
    """Return whether a text is or contains a credential."""
    # This runs for every text of every object, and most texts are in many objects.
    if text in _harmless:
        return False
    found = _looks(text)
    if not found and len(text) < 100:
        if len(_harmless) >= _REMEMBERED:
            _harmless.clear()
        _harmless.add(text)
    return found


def _looks(text: str) -> bool:
    """Ask the cheap questions first: the patterns are tried on few texts."""
    if _PLAIN.fullmatch(text):
        return False
    if ("=" in text or ":" in text or " -" in text or text.startswith("-")) and (
        _STEM.search(text.lower()) is not None and _PAIR.search(text) is not None
    ):
        return True
    if ("/" in text) and _URL.search(text) is not None:
        return True
    # Each of the short signs has one of these two letters.
    if len(text) < _SHORTEST and (
        ("_" not in text and " " not in text) or not any(sign in text for sign in _SHORT_SIGNS)
    ):
        return False
    return (
        _SHAPES.search(text) is not None
        or any(part in text and shape.search(text) for part, shape in _ODD)
        or any(map(_is_basic, _BASIC.finditer(text)))
    )


def _is_basic(match: re.Match[str]) -> bool:
    """Tell user and password in base64 from a word, as in "Basic subscription"."""
    letters = match[1].rstrip("=").replace("-", "+").replace("_", "/")
    try:
        plain = base64.b64decode(letters + "=" * (-len(letters) % 4))
    except binascii.Error:
        return False
    return b":" in plain


def without_mails(text: str) -> str:
    """Return the text with its mail addresses masked."""
    return _MAIL.sub(MASK, text) if "@" in text else text


def masked(text: str) -> str:
    """Return the text with all of that masked, for messages: the rest still says something."""
    if holds_secret(text):
        for pattern in (_SHAPES, _URL, _PAIR, *(shape for _, shape in _ODD)):
            text = pattern.sub(MASK, text)
        text = _BASIC.sub(_mask_basic, text)
    return without_mails(text)


def _mask_basic(match: re.Match[str]) -> str:
    return MASK if _is_basic(match) else match[0]


# -- names of fields ------------------------------------------------------------------------------

# Of a name in snake_case. Words that are harmless in other company only as the last one: the
# cookie of a load balancer has a cookie_name.
_NAME = re.compile(
    r"passw|passphrase|passcode|secret|(^|_)tokens?($|_)|tokens?$|credential|kubeconfig"
    r"|(api|access|private|auth|service|encryption|signing|shared|master|account|session|storage)"
    r"_?keys?($|_)|private_?key|api_?key|access_?key"
    r"|webhook|slack|user_?data|(^|_)uri($|_)|conn(ection)?_?str|authorization|bearer"
    r"|e?mails?$|phone|certificate_authority_data|dsns?$"
    r"|(^|_)(owner|user|member|team|customer)_(id|uuid|name)$|(created|updated|deleted)_by$"
    r"|^(first|last|full)_name$|^username$"
    r"|(^|_)(pass|pwd|pw|otp|totp|jwt|cookies?|auths?|csrf|session_?id|sid)s?$"
    r"|(^|_)cookie_(value|header)s?$"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@cache
def names_secret(name: str) -> bool:
    """Return whether a field of this name holds a credential or personal data.

    For example `db_pass`, `accessToken`, `Set-Cookie`, `private-key`.
    """
    if holds_secret(name):
        return True
    words = re.sub(r"[^A-Za-z0-9]+", "_", _CAMEL.sub("_", name[:256])).lower()
    return _NAME.search(re.sub(r"_?[0-9]+$", "", words.strip("_"))) is not None
