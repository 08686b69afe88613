"""URLs: which to ask for a file, which for the original of an image, and which never."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import (
    download_path,
    image_id_in,
    image_name,
    image_source,
    image_variants,
    listed_download_path,
    may_fetch,
)
from civitai_dl.domain.entities import Image, Media, uuid_in

UUID = "0a1b2c3d-1111-2222-3333-444455556666"
CDN = f"https://image.civitai.com/xG1nkqKTMzGDvpLrqFT7WA/{UUID}"


# --- files


def test_a_file_is_asked_for_by_its_id():
    """Other parameters may pick another file of the version, so the file id is what is asked by."""
    assert download_path(94081, 77) == "/api/download/models/94081?fileId=77"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://civitai.com/api/download/models/5", "/api/download/models/5"),
        (
            "https://undefined/api/download/models/5?type=VAE&format=SafeTensor",
            "/api/download/models/5?type=VAE&format=SafeTensor",
        ),
        ("//civitai.red/api/download/models/5?fileId=7#top", "/api/download/models/5?fileId=7"),
        ("/api/download/models/5", "/api/download/models/5"),
        ("https://civitai.com/models/5", None),
        ("https://evil.example/x?u=/api/download/models/5", None),
        ("https://[broken/api/download/models/5", None),
        ("", None),
        (None, None),
    ],
)
def test_of_a_listed_link_only_path_and_query_count(url, path):
    """The host of a listed link is not trusted: `undefined` has been seen."""
    assert path == listed_download_path(url)


# --- images


@pytest.mark.parametrize(
    "url",
    [
        f"{CDN}/width=450/12345.jpeg",
        f"{CDN}/original=true/12345.jpeg",
        f"{CDN}/anim=false,width=450,optimized=true/12345.jpeg?x=1#y",
        f"{CDN}/12345.jpeg",
    ],
)
def test_every_address_of_an_image_leads_to_its_original(url):
    """Whatever size a listing links to, the original is what is fetched."""
    assert image_variants(url, Media.IMAGE) == (f"{CDN}/original=true/12345.jpeg",)


@pytest.mark.parametrize("url", [CDN, f"{CDN}/", f"{CDN}/width=450", f"{CDN}/width=450/"])
def test_an_address_without_a_name_leads_to_the_original_too(url):
    """The name at the end of an address is decoration, and may be missing."""
    assert image_variants(url, Media.IMAGE) == (f"{CDN}/original=true/original",)


def test_a_video_has_three_addresses_in_the_order_in_which_they_work():
    """Where `original=true` gives a still, two more addresses may give the video."""
    assert (
        f"{CDN}/original=true/9.mp4",
        f"{CDN}/original=true,quality=100/9.mp4",
        f"{CDN}/transcode=true,original=true,quality=90/9.mp4",
    ) == image_variants(f"{CDN}/transcode=true,width=450/9.mp4", Media.VIDEO)


def test_addresses_without_an_account_and_of_a_service_under_test_count_too():
    """The account key may be missing, and a CDN on loopback is one."""
    for head in (
        f"https://imagecache.civitai.com/{UUID}",
        f"HTTPS://Image.Civitai.com/key/{UUID.upper()}",
        f"http://127.0.0.1:81/key/{UUID}",
    ):
        assert image_variants(f"{head}/a.png", Media.IMAGE) == (f"{head}/original=true/a.png",)


@pytest.mark.parametrize(
    "url",
    [
        "https://i.imgur.com/a.png",
        f"https://images.example.org/{UUID}/photo.png",
        f"https://civitai.com.example.org/{UUID}/photo.png",
        f"https://civitai.com@example.org/{UUID}/photo.png",
        f"https://image-b2.civitai.com/file/civitai-media-cache/{UUID}/original",
        "https://image.civitai.com/not-a-uuid/width=450/1.png",
        "https://[broken",
    ],
)
def test_an_image_outside_the_cdn_has_only_its_own_address(url):
    """A picture that lies elsewhere is fetched from where it lies, with or without a UUID."""
    assert image_variants(url, Media.VIDEO) == (url,)


@pytest.mark.parametrize(
    ("url", "uuid"),
    [
        (f"{CDN}/width=450/1.png", UUID),
        (f"{CDN.upper()}/1.png", UUID),
        (f"https://x.org/{UUID}/{UUID[::-1]}/{UUID}", UUID),
        (f"https://x.org/a.png?id={UUID}", None),
    ],
)
def test_all_addresses_of_an_original_share_its_uuid(url, uuid):
    """Two sizes of one picture are one source, so its bytes are fetched once."""
    assert uuid == uuid_in(url)
    source = f"uuid:{uuid}" if uuid else f"url:{url}"
    assert source == image_source(Image(url=url))


@pytest.mark.parametrize(
    ("url", "number"),
    [
        (f"{CDN}/width=450/98780806.jpeg", 98780806),
        (f"{CDN}/98780806", 98780806),
        (f"{CDN}/98780806.jpeg?x=1.5/7", 98780806),
        (f"{CDN}/width=450/name.jpeg", None),
        (f"{CDN}/width=450/12345678901.jpeg", None),
        (f"{CDN}/width=450/１２.jpeg", None),
        (f"{CDN}/width=450/", None),
    ],
)
def test_the_id_of_an_image_may_stand_in_its_address(url, number):
    """Images inside a model come without id, which is then the file name in the address."""
    assert number == image_id_in(url)


@pytest.mark.parametrize(
    ("image", "name"),
    [
        (Image(url=f"{CDN}/1.jpeg", id=7), "7"),
        (Image(url=f"{CDN}/width=450/8.jpeg"), "8"),
        (Image(url=f"{CDN}/width=450/cat.jpeg"), UUID),
        (Image(url="https://x.org/my%20cat.png?v=2"), "my-20cat-png-19334974b1"),
        (Image(url="https://x.org/my%20cat.png?v=3"), "my-20cat-png-19334874b1"),
        (Image(url="https://x.org/"), "image-2cd0fb049d"),
        (Image(url="https://[broken/猫"), "image-19576d3e10"),
        (Image(url=f"https://x.org/{'a' * 90}"), f"{'a' * 40}-318da90dc2"),
        # The digest is FNV-1a; its authors list 85944171f73967e8 for this text.
        (Image(url="foobar"), "foobar-85944171f7"),
    ],
)
def test_an_image_has_a_short_stable_name(image, name):
    """An image is named by its id, else the number in its address, else its UUID, else a digest."""
    assert name == image_name(image)


@given(st.text())
def test_every_address_gives_a_name_that_is_safe_in_a_path(url):
    """No address can make an image's name leave its folder."""
    name = image_name(Image(url=f"https://{url}"))
    assert name
    assert len(name) <= 51
    assert set(name) <= set("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"), name


# --- what may be opened

PRIVATE = [
    "https://127.0.0.1/a.png",
    "https://127.0.0.1:443/",
    "https://127.1.2.3/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://192.168.1.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://255.255.255.255/",
    "https://224.0.0.1/",
    "https://[ff02::1]/",
    "https://[::]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fc00::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:1:1:1:1:1:1]/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://017700000001/",
    "https://0/",
    "https://0x0/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0x7f.0.0.1/",
    "https://127.0.0.0x1/",
    "https://127.0x1/",
    "https://0177.0.0.01/",
    "https://127.0.0.1./",
    "https://127.0.0.256/",
    "https://1.2.3/",
    "https://127.0.0.0x/",
    "https://127.0.0。1/",
    "https://127。0。0。1/",
    "https://１２７.0.0.1/",
    "https://127.0.0.%31/",
    "https://127.0.0.１/",
    "https://ⓛocalhost/",
    "https://router/",
    "https://router./",
    "https://printer.local/",
    "https://printer.local./",
    "https://PRINTER.LOCAL/",
    "https://a.localhost/",
    "https://metadata.google.internal/",
    "https://nas.lan/",
    "https://1.0.0.127.in-addr.arpa/",
    "https://civitai.com@127.0.0.1/",
    "https://civitai.com:x@10.0.0.1/",
    "https://a@localhost/",
    "https://civitai.com\\@127.0.0.1/",
    "https://127.0.0.1\\.civitai.com/",
    "http://i.imgur.com/a.png",
    "ftp://i.imgur.com/a.png",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:image/png;base64,AA",
    "//i.imgur.com/a.png",
    "/a.png",
    "a.png",
    "https://",
    "https:///a.png",
    "https://[broken/",
    "https://a..b/",
    "https://.example.org/",
    "gopher://i.imgur.com/",
    "https://[::1",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_a_description_cannot_make_this_machine_knock_at_its_neighbours_doors(url):
    """An address of the user's own machine or network, however it is written, is not opened."""
    assert not may_fetch(url, local_service=False)


@pytest.mark.parametrize(
    "url",
    [
        f"{CDN}/original=true/1.jpeg",
        "https://i.imgur.com/a.png",
        "HTTPS://I.IMGUR.COM/a.png",
        "https://i.imgur.com./a.png",
        "https://user:word@i.imgur.com:8443/a.png",
        "https://8.8.8.8/a.png",
        "https://[2606:4700:4700::1111]/a.png",
        "https://[::ffff:8.8.8.8]/a.png",
        "https://b-2_x.example.org/a.png",
        "https://bücher.example/a.png",
        "https://日本語.jp/a.png",
        "https://10.0.0.1.example.org/a.png",
        "https://local.example.org/127.0.0.1",
    ],
)
def test_a_picture_of_the_public_network_is_opened(url):
    """Pictures that descriptions show from public hosts are part of the archive."""
    assert may_fetch(url, local_service=False)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "localhost", "localhost.", "[::1]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_service_on_loopback_may_send_to_loopback(scheme, address):
    """With --base-url on this machine, its storage and CDN are on this machine, too."""
    url = f"{scheme}://{address}:8000/a.png"
    assert may_fetch(url, local_service=True)
    assert not may_fetch(url, local_service=False)


@pytest.mark.parametrize(
    "url", ["https://10.0.0.1/", "http://i.imgur.com/", "https://router/", "ftp://127.0.0.1/"]
)
def test_a_service_on_loopback_opens_nothing_else(url):
    """A service under test does not open the rest of the network."""
    assert not may_fetch(url, local_service=True)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "{:#x}", "{:#010x}", "0{:o}"]))
def test_a_number_is_no_name_of_a_host(number, form):
    """Decimal, octal and hex numbers, which resolvers read as addresses, are not opened."""
    assert not may_fetch(f"https://{form.format(number)}/", local_service=False)


@given(st.ip_addresses(v=4))
def test_an_address_is_opened_only_when_it_is_public(address):
    """Of the plain IPv4 addresses exactly the public ones are opened."""
    public = address.is_global and not address.is_multicast
    assert may_fetch(f"https://{address}/", local_service=False) == public


@given(st.text())
def test_no_text_breaks_the_guard(text):
    """Whatever stands in a description, the guard answers, and lets only web addresses pass."""
    for url in (text, f"https://{text}"):
        if may_fetch(url, local_service=True):
            assert urlsplit(url).scheme in ("http", "https")
