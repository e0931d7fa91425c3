"""The page of a preference test: which pairs it holds, and what a person's keys become, in headless Chromium."""

import base64
import json
import re
from collections import Counter

import pytest
from chromium import MARKS, page_of
from PIL import Image

from colorlib.metrics.preference import bradley_terry, read_answers
from colorlib.plots.preference import preference_page
from colorlib.system.errors import UsageError

GRAYS = {"dark": 40, "middle": 120, "light": 220}


def photos(number=4):
    return {f"photo {i}": {version: Image.new("L", (40, 30), gray + i) for version, gray in GRAYS.items()} for i in range(number)}


def content(page):
    test = json.loads(re.search(r'<script type="application/json" id="test">(.*?)</script>', page.read_text(), re.S)[1])
    return test | {"names": json.loads(base64.b64decode(test["names"]))}


def test_every_two_versions_are_compared_about_equally_often_and_no_pair_twice(tmp_path):
    test = content(preference_page(photos(), tmp_path / "test.html", num_pairs=8))
    places = [[test["names"][key] for key in pair] for pair in test["pairs"]]
    assert len(places) == len({tuple(map(tuple, pair)) for pair in places}) == 8
    assert all(first[0] == second[0] and first[1] != second[1] for first, second in places), "two versions of one photo"
    counts = Counter(frozenset((first[1], second[1])) for first, second in places)
    assert sorted(counts.values()) == [2, 3, 3]
    assert len(content(preference_page(photos(), tmp_path / "all.html", num_pairs=99))["pairs"]) == 12, "as many as there are"


def test_the_page_does_not_name_its_versions(tmp_path):
    text = preference_page(photos(), tmp_path / "test.html").read_text()
    assert not any(f'"{version}"' in text for version in GRAYS)


@pytest.mark.parametrize(("wrong", "message"), [
    ({}, "two versions of each photo"),
    ({"a": {"gray": Image.new("L", (8, 8))}}, "two versions of each photo"),
    (photos() | {"other": {"dark": Image.new("L", (8, 8)), "blue": Image.new("L", (8, 8))}}, "'other' has blue, dark"),
])
def test_wrong_photos_are_refused(wrong, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        preference_page(wrong, tmp_path / "test.html")
    assert not (tmp_path / "test.html").exists()


class TestInTheBrowser:
    pytestmark = MARKS

    def test_a_person_who_likes_it_light_says_so(self, tmp_path):
        """The person looks at the pictures alone: the answers must name the versions that these are."""
        sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
        file = preference_page(photos(), tmp_path / "test.html", num_pairs=12)
        with sync_playwright() as playwright, page_of(playwright, file.as_uri()) as page:
            orders = []
            for number in range(12):
                assert page.locator("#progress").inner_text() == f"{number + 1} of 12"
                lightness = page.evaluate("""() => Promise.all([...document.querySelectorAll("#pair img")].map(async (image) => {
                    await image.decode();
                    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
                    canvas.drawImage(image, 0, 0, 1, 1);
                    return canvas.getImageData(0, 0, 1, 1).data[0];
                }))""")
                orders.append(lightness[0] > lightness[1])
                if number == 3:
                    page.keyboard.press("1" if lightness[0] < lightness[1] else "2")        # a slip,
                    page.keyboard.press("Backspace")                                        # taken back
                page.keyboard.press("1" if lightness[0] > lightness[1] else "2")
            with page.expect_download() as download:
                page.locator("#pair a").click()
            download.value.save_as(tmp_path / "answers.json")
        assert set(orders) == {True, False}, "the lighter one is not always on one side"
        answers = read_answers([tmp_path / "answers.json"])
        assert len(answers) == 12
        assert all(GRAYS[answer.better] > GRAYS[answer.worse] for answer in answers)
        assert [row.version for row in bradley_terry(answers)] == ["light", "middle", "dark"]
