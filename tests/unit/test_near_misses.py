"""A line that names nothing is told why, and what to write instead."""

import pytest

from civitai_dl.config import collect, parse_any, parse_model, parse_user
from civitai_dl.errors import ConfigError, TargetError
from civitai_dl.sources import parse_target

BAD = [
    ("", "nothing is named", "for example"),
    ("ann", "names nothing", "user:ann"),
    ("anime girls", "names nothing", "search:anime girls"),
    ("models.txt", "looks like a file", "-i models.txt"),
    ("./lists/mine", "looks like a file", "-i ./lists/mine"),
    ("1 model:2", "one line names one thing", "line of its own"),
    ("https://civitai.com/models/1, https://civitai.com/models/2", "one thing", "of its own"),
    ("0", "there is no model 0", "in its link"),
    ("-5", "whole number", "model:4384"),
    ("2147483648", "larger than any id", "hash:"),
    ("image:0", "there is no image 0", "the number of an image"),
    ("version:latest", "a version is named by a whole number", "version:"),
    ("https://civitai.com/models/0", "there is no model 0", "in its link"),
    ("https://civitai.com/models/9999999999/x", "larger than any id", "digit too many"),
    ("https://civitai.com/models/5?modelVersionId=0", "there is no version 0", "in its link"),
    ("https://civitai.com/models/abc", "has its number in its address", "copy the link"),
    ("https://civitai.com/models/5/x/reviews", "below a model", "the page of the model"),
    ("https://civitai.com/models", "everything there is", "search:"),
    ("https://civitai.com/images", "feed of images", "image:"),
    ("https://civitai.com/collections/7", "collections cannot be listed", "favorites:"),
    ("collection:7", "collections cannot be listed", "favorites:"),
    ("https://civitai.com/articles/7/how-to", "an article is no model", "links of the models"),
    ("https://civitai.com/bounties/7", "a bounty is no model", "links of the models"),
    ("https://civitai.com/user/ann/followers", "part of a profile", "user:ann"),
    ("https://civitai.com/user/", "page of a user", "user:"),
    ("https://civitai.com/api/v1/tags", "interface", "page of the model"),
    ("https://civitai.com/", "front page", "for example"),
    ("https://civitai.com/pricing", "page of the site", "for example"),
    ("https://example.org/models/5", "another site (example.org)", "civitai.com"),
    ("https://huggingface.co/ann/model", "Hugging Face", "huggingface-cli"),
    ("https://image.civitai.com/x/y/original=true/1.png", "holds bytes", "/images/"),
    ("ftp://civitai.com/models/5", "no address of the web", "for example"),
    ("urn:air:sdxl:lora:huggingface:ann/x@main", "of huggingface", "leave it out"),
    ("urn:air:sdxl:civitai:5", "no complete AIR", "urn:air:"),
    ("urn:air:sdxl:lora:civitai:0@1", "no complete AIR", "2147483647"),
    ("879DB523", "which different files share", "crc32:"),
    ("hash:879DB523", "which different files share", "autov1:"),
    ("0123456789ABCDE", "digest of 15 digits", "SHA256 has 64"),
    ("sha256:0123", "this is no sha256", "64"),
    ("crc32:xyz", "this is no crc32", "8 hexadecimal"),
    ("user:a b", "no name of a user", "user:ann"),
    ("creator:ann", "'creator'", "user:ann"),
    ("search:", "lacks its words", "search:anime style"),
    ("tag:a?tag=b", "has more than that", "tag:anime"),
    ("favorites:mine", "parameters only", "favorites:?"),
    ("search:cat?colour=blue", "narrowed by 'colour'", "base-models"),
    ("search:cat?sort=best", "no sort 'best'", "Most Downloaded"),
    ("search:cat?period=Decade", "no period 'Decade'", "Month"),
    ("search:cat?max-models=0", "whole number from 1", "max-models"),
    ("search:cat?sort=Newest&sort=Oldest", "sort is given twice", "search:"),
    ("https://civitai.com/search/models?query=x&users=ann", "by 'users'", "types"),
    ("https://civitai.com/search/images?query=x", "no search for models", "search:"),
    (f"search:{'x' * 201}", "longer than 200", "search:"),
]


@pytest.mark.parametrize(("text", "why", "hint"), BAD)
def test_each_kind_of_bad_line_has_its_reason(text, why, hint):
    """The error says what is wrong with this very text, repeats it, and says what to do."""
    with pytest.raises(TargetError) as told:
        parse_target(text)
    assert why in told.value.message
    assert text[:200] in told.value.message
    assert hint in told.value.hint


@pytest.mark.parametrize(
    ("read", "text", "why", "hint"),
    [
        (parse_model, "https://civitai.com/user/ann", "names a user", "list of users"),
        (parse_user, "https://civitai.com/models/5", "names no user", "list of models"),
        (parse_user, "tag:anime", "names no user", "list of models"),
    ],
)
def test_a_line_in_the_wrong_list_is_told_where_it_belongs(read, text, why, hint):
    """Lists of users and of models stay what they are."""
    with pytest.raises(TargetError) as told:
        read(text, parse_target)
    assert why in told.value.message
    assert hint in told.value.hint


def test_a_bad_line_is_named_by_file_and_line_with_its_hint(tmp_path):
    """Of a list every bad line is told: where it stands, what it says, why, and what to do."""
    path = tmp_path / "all.txt"
    path.write_text("\n".join(["1", *(text for text, _, _ in BAD if text)]), "utf-8")
    found, bad = collect([(str(path), parse_any)], [], parse=parse_target, stdin=bytes)
    assert 1 == len(found)
    assert [line.origin for line in bad] == [f"{path}:{n}" for n in range(2, len(BAD) + 1)]
    assert all(line.hint for line in bad)


# --- list files


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('"model:5"', "model:5"),
        ("'model:5'  # five", "model:5"),
        ('"search:a #1 hit" # with a sign', "search:a #1 hit"),
        ("search:a #1 hit", "search:a"),
        ("search:a%231 hit", "search:a%231 hit"),
        ('search:"two words"', 'search:"two words"'),
        ("user:ann\t# a friend", "user:ann"),
        ("  model:5\u3000", "model:5"),
    ],
)
def test_quotes_and_comments_around_a_line_are_not_part_of_it(tmp_path, line, text):
    """A line may be quoted as a whole; within quotes a sign is a sign."""
    path = tmp_path / "list.txt"
    path.write_text(f"{line}\n", "utf-8")
    found, bad = collect([(str(path), parse_any)], [], parse=parse_target, stdin=bytes)
    assert bad == []
    assert [item.text for item in found] == [text]


def test_a_dash_among_the_arguments_is_a_list_from_standard_input():
    """`-` reads lines of anything, which are named by their place there."""
    found, bad = collect([], ["5", "-"], parse=parse_target, stdin=lambda: b"user:ann\nrubbish\n")
    assert [item.origin for item in found] == ["stdin:1", "argument"]
    assert [line.origin for line in bad] == ["stdin:2"]


def test_standard_input_is_one_list():
    """Two lists of which both are standard input: the second would be empty, so it is told."""
    with pytest.raises(ConfigError, match="standard input is named twice"):
        collect([("-", parse_user)], ["-"], parse=parse_target, stdin=lambda: b"ann\n")
