"""Films: the same pictures, times and sound in color; steady colors beside their equation; killed, interrupted and continued."""

import signal
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np
import pytest
import torch
from command import colorize, contents
from PIL import Image

from colorlib import color
from colorlib.colorize.colorizer import Colorizer
from colorlib.system import paths
from colorlib.system.errors import RunError

av = pytest.importorskip("av", reason="needs the extra 'video'")
pytest.importorskip("cv2", reason="needs the extra 'video'")

from colorlib.colorize.films import coloring  # noqa: E402
from colorlib.colorize.films.coloring import color_film  # noqa: E402
from colorlib.colorize.films.parts import Parts, parts_folder  # noqa: E402
from colorlib.colorize.films.steady import Steady  # noqa: E402

SIZE = (96, 64)


def make_film(path, num_frames=12, rate=2, sound=True, size=SIZE, mode="L", codec="libx264"):
    """A pan over a photo, as a rule gray, with a tone."""
    gray = np.asarray(Image.open(paths.samples_dir() / "mountains.jpg").convert(mode).convert("RGB"))
    with av.open(str(path), "w") as film:
        pictures = film.add_stream(codec, rate=rate, options={"crf": "5"} if codec == "libx264" else {"q": "2"})
        pictures.width, pictures.height, pictures.pix_fmt = *size, "yuv420p"
        tone = film.add_stream("aac", rate=8000, layout="mono") if sound else None
        for number in range(num_frames):
            part = gray[40:40 + size[1], 3 * number:3 * number + size[0]]
            film.mux(pictures.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(part), format="rgb24")))
        film.mux(pictures.encode(None))
        if tone:
            wave = (8000 * np.sin(np.arange(8000 * num_frames // rate) / 3)).astype(np.int16)
            for start in range(0, len(wave), 1024):
                frame = av.AudioFrame.from_ndarray(wave[None, start:start + 1024], format="s16", layout="mono")
                frame.sample_rate, frame.pts = 8000, start
                film.mux(tone.encode(frame))
            film.mux(tone.encode(None))
    return path


def pictures_of(path):
    """Times in seconds, and pixels (N, H, W, 3)."""
    with av.open(str(path)) as film:
        frames = list(film.decode(video=0))
        return [frame.time for frame in frames], np.stack([frame.to_ndarray(format="rgb24") for frame in frames])


def sound_of(path):
    with av.open(str(path)) as film:
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in film.demux(audio=0) if packet.dts is not None]


@pytest.mark.parametrize("extension", [".mp4", ".mkv", ".mov"])
def test_a_film_keeps_pictures_times_and_sound(painter, tmp_path, extension):
    source = make_film(tmp_path / "film.mp4")
    assert color_film(source, tmp_path / f"out{extension}", Colorizer(painter)) == ""
    (times, before), (new_times, after) = pictures_of(source), pictures_of(tmp_path / f"out{extension}")
    # Relative to the sound; Matroska counts milliseconds.
    times, new_times = (np.array(seconds) - float(sound_of(film)[0][0]) for seconds, film in
                        ((times, source), (new_times, tmp_path / f"out{extension}")))
    assert new_times == pytest.approx(times, abs=0.002)
    assert after.shape == before.shape
    L, ab = zip(*(color.split_lab(torch.from_numpy(pixels).permute(0, 3, 1, 2)) for pixels in (before, after)), strict=True)
    assert (L[0] - L[1]).abs().mean() < 2, "as far as the codec keeps it"
    assert ab[1].norm(dim=1).mean() > 4
    assert [content for _, content in sound_of(tmp_path / f"out{extension}")] == [content for _, content in sound_of(source)]
    assert not parts_folder(tmp_path / f"out{extension}").exists()
    with av.open(str(tmp_path / f"out{extension}")) as film:
        said = {name.lower(): text for name, text in film.metadata.items()}
    assert said["comment"].startswith("colorlib 0")


def test_steady_colors_have_the_variance_of_a_moving_average():
    """Of independent noise, an exponential average with rate r keeps r / (2 - r) of the variance."""
    L = 50 + 20 * torch.rand(1, 1, 40, 60, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(200, 2, 40, 60, generator=torch.Generator().manual_seed(1))
    steady = Steady(rate=0.2, every=1)
    results = torch.cat([steady(L, lambda ab=ab: ab[None]) for ab in noise])[50:]
    assert results.var().item() == pytest.approx(0.2 / 1.8, rel=0.15)


def moving(number, step=3):
    """A texture and colors that move together by some pixels a frame."""
    generator = torch.Generator().manual_seed(0)
    texture = torch.nn.functional.interpolate(torch.rand(1, 3, 10, 30, generator=generator), (80, 240), mode="bicubic").clamp(0, 1)
    part = texture[..., step * number:step * number + 120]
    return 20 + 60 * part[:, :1], 60 * (part[:, 1:] - 0.5)


@pytest.mark.parametrize(("settings", "factor"), [({"rate": 0.1, "every": 1}, 5), ({}, 2)])
def test_colors_move_with_what_they_belong_to(settings, factor):
    steady = Steady(**settings)
    for number in range(20):
        L, ab = moving(number)
        result = steady(L, lambda ab=ab: ab)
    inner = np.s_[..., 10:-10, 10:-10]
    error = (result - ab)[inner].abs().mean()
    still = ab                                                               # without motion, for comparison
    for number in range(20):
        still = still + 0.1 * (moving(number)[1] - still)
    assert error < (still - ab)[inner].abs().mean() / factor


def test_after_a_cut_the_colors_are_new():
    steady = Steady(rate=0.1)
    for number in range(5):
        steady(moving(number)[0], lambda number=number: moving(number)[1])
    generator = torch.Generator().manual_seed(5)
    L, ab = 100 * torch.rand(1, 1, 80, 120, generator=generator), torch.randn(1, 2, 80, 120, generator=generator)
    assert torch.equal(steady(L, lambda: ab), ab)


def test_the_network_is_asked_for_every_third_frame_and_after_a_cut():
    asked, steady = [], Steady(every=3)
    scenes = [moving(number)[0] for number in range(7)] + [100 * torch.rand(1, 1, 80, 120, generator=torch.Generator().manual_seed(5))] * 4
    for number, L in enumerate(scenes):
        steady(L, lambda number=number: asked.append(number) or torch.zeros(1, 2, 80, 120))
    assert asked == [0, 3, 6, 7, 10]


def test_grain_is_no_cut():
    """Noise of 8% of the range, new in each frame."""
    asked, steady, generator = [], Steady(every=3), torch.Generator().manual_seed(0)
    for number in range(7):
        L = (moving(number)[0] + 8 * torch.randn(1, 1, 80, 120, generator=generator)).clamp(0, 100)
        steady(L, lambda number=number: asked.append(number) or torch.zeros(1, 2, 80, 120))
    assert asked == [0, 3, 6]


@pytest.fixture
def command(painter, tmp_path):
    """A command that colors a film of 60 seconds in six parts."""
    make_film(tmp_path / "film.mp4", num_frames=120)
    return [sys.executable, "-m", "colorlib", "colorize", str(tmp_path / "film.mp4"), "-o", str(tmp_path / "out.mp4"),
            "--weights", painter]


def interrupted(command, folder, number, **options):
    """Start a command, and send it a signal after its first part."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)
    parts, end = parts_folder(folder / "out.mp4"), time.monotonic() + 120
    while not list(parts.glob("*.npz")):
        assert time.monotonic() < end
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(number)
    return process.communicate()[1], process.returncode


def test_a_killed_film_continues_and_is_the_same(command, painter, tmp_path):
    color_film(tmp_path / "film.mp4", tmp_path / "whole.mp4", Colorizer(painter))
    interrupted(command, tmp_path, signal.SIGKILL)
    assert not (tmp_path / "out.mp4").exists()
    kept = contents(parts_folder(tmp_path / "out.mp4"))["00000.mp4"]
    assert subprocess.run(command, check=False).returncode == 0
    assert kept
    assert np.array_equal(pictures_of(tmp_path / "out.mp4")[1], pictures_of(tmp_path / "whole.mp4")[1])


def test_ctrl_c_leaves_a_film_that_ends_there_and_the_command_continues(command, tmp_path):
    said, status = interrupted(command, tmp_path, signal.SIGINT)
    assert status == 1
    assert "the same command continues there" in said
    times, pixels = pictures_of(tmp_path / "out.mp4")
    assert 20 <= len(pixels) < 120
    assert sound_of(tmp_path / "out.mp4")[-1][0] <= times[-1] + 0.2
    assert subprocess.run(command, check=False).returncode == 0
    assert len(pictures_of(tmp_path / "out.mp4")[1]) == 120
    assert subprocess.run(command, check=False, capture_output=True, text=True).stdout == "0 done, 1 skipped (1 there already), 0 failed\n"


@pytest.mark.parametrize("damage", ["00000.npz", "00000.mp4", "settings.json"])
def test_damaged_parts_are_made_again(command, tmp_path, damage):
    interrupted(command, tmp_path, signal.SIGKILL)
    file = parts_folder(tmp_path / "out.mp4") / damage
    file.write_bytes(file.read_bytes()[:20])
    assert subprocess.run(command, check=False).returncode == 0
    assert len(pictures_of(tmp_path / "out.mp4")[1]) == 120


@pytest.mark.parametrize(("step", "message"), [("_inside_bars", "^interrupted$"), ("_joined", "after .*out.mp4 was finished")])
def test_ctrl_c_before_the_first_part_or_after_the_last_is_no_failure(painter, tmp_path, monkeypatch, step, message):
    make_film(tmp_path / "film.mp4", 3)
    real = getattr(coloring, step)

    def interrupted_step(*arguments):
        signal.raise_signal(signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(coloring, step, interrupted_step)
    with pytest.raises(KeyboardInterrupt, match=message):
        color_film(tmp_path / "film.mp4", tmp_path / "out.mp4", Colorizer(painter))


def test_two_processes_do_not_color_one_film(tmp_path, painter):
    make_film(tmp_path / "film.mp4", 3)
    with Parts(tmp_path / "out.mp4", {}), pytest.raises(RunError, match="another process is coloring"):
        color_film(tmp_path / "film.mp4", tmp_path / "out.mp4", Colorizer(painter))


@pytest.mark.parametrize("extension", [".ts", ".mpg", ".avi", ".mkv"])
def test_every_frame_of_a_container_is_colored(painter, tmp_path, extension):
    """Some cannot be entered at any place, and the film has three parts."""
    settings = {"rate": 25, "codec": "mpeg2video"} if extension == ".mpg" else {"rate": 2}
    source = make_film(tmp_path / f"film{extension}", 60, sound=False, **settings)
    color_film(source, tmp_path / "out.mp4", Colorizer(painter))
    assert len(pictures_of(tmp_path / "out.mp4")[1]) == 60


def test_a_damaged_place_is_left_out_and_said(painter, tmp_path):
    data = bytearray(make_film(tmp_path / "film.mkv", 40, sound=False).read_bytes())
    middle = len(data) // 2
    data[middle:middle + 600] = bytes(600)
    (tmp_path / "film.mkv").write_bytes(data)
    remark = color_film(tmp_path / "film.mkv", tmp_path / "out.mp4", Colorizer(painter))
    assert 5 < len(pictures_of(tmp_path / "out.mp4")[1]) <= 40
    assert remark in ("", "damaged places left out")


def test_pixels_that_are_not_square_stay_so(painter, tmp_path):
    with av.open(str(tmp_path / "dv.mp4"), "w") as film:
        stream = film.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)
        film.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((SIZE[1], SIZE[0], 3), 99, np.uint8), format="rgb24")))
        film.mux(stream.encode(None))
    color_film(tmp_path / "dv.mp4", tmp_path / "out.mp4", Colorizer(painter))
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert film.streams.video[0].sample_aspect_ratio == Fraction(16, 11)


def test_options_of_a_film(painter, tmp_path, capsys):
    make_film(tmp_path / "film.mp4", 3)
    assert colorize(painter, tmp_path / "film.mp4", "-o", tmp_path / "out.mp4", "--size", "48") == 0
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert "size 48" in film.metadata["comment"]
    make_film(tmp_path / "color.mp4", 3, mode="RGB")
    assert colorize(painter, tmp_path / "color.mp4", "-o", tmp_path / "again.mp4", "--only-gray") == 0
    assert colorize(painter, tmp_path / "film.mp4", "-o", tmp_path / "third.mp4", "--only-gray") == 0
    assert "1 skipped (1 in color already)" in capsys.readouterr().out
    for options in (["--compare"], ["--size", "32,48"]):
        assert colorize(painter, tmp_path / "film.mp4", "-o", tmp_path / "no.mp4", *options) == 1
        assert "hints and comparisons are for photos" in capsys.readouterr().err


def test_bars_above_and_below_stay_black(tmp_path, painter):
    with av.open(str(tmp_path / "wide.mp4"), "w") as film:
        stream = film.add_stream("libx264", rate=5, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(6):
            inner = (2.55 * moving(number)[0][0, 0, :64, :120]).byte().numpy()
            pixels = np.zeros((96, 128, 3), np.uint8)
            pixels[16:80, 4:124] = inner[..., None]
            film.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        film.mux(stream.encode(None))
    color_film(tmp_path / "wide.mp4", tmp_path / "out.mp4", Colorizer(painter))
    pixels = pictures_of(tmp_path / "out.mp4")[1].astype(int)
    assert np.ptp(pixels[:, :12], axis=3).max() < 12
    assert np.ptp(pixels[:, 20:76, 10:118], axis=3).mean() > 5


def test_what_is_no_film_fails_alone(painter, tmp_path, capsys):
    make_film(tmp_path / "good.mp4", 3)
    (tmp_path / "text.mp4").write_text("no film")
    data = (tmp_path / "good.mp4").read_bytes()
    (tmp_path / "cut.mov").write_bytes(data[:len(data) // 2])
    with av.open(str(tmp_path / "sound.mkv"), "w") as film:
        tone = film.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        film.mux([*tone.encode(frame), *tone.encode(None)])
    assert colorize(painter, tmp_path, "-o", tmp_path / "out") == 1
    said = capsys.readouterr()
    assert "1 done, 0 skipped, 3 failed" in said.out
    assert "text.mp4: it is no film" in said.err
    assert "sound.mkv: it has no pictures" in said.err
    assert set(contents(tmp_path / "out")) == {"good.mp4"}


def test_other_containers_become_mp4_and_other_names_are_refused(painter, tmp_path, capsys):
    make_film(tmp_path / "old.avi", 3, sound=False)
    assert colorize(painter, tmp_path / "old.avi", "-o", tmp_path / "out") == 0
    assert set(contents(tmp_path / "out")) == {"old.avi.mp4"}
    assert colorize(painter, tmp_path / "old.avi", "-o", tmp_path / "film.jpg") == 2
    assert "a film must end with one of .mp4" in capsys.readouterr().err
