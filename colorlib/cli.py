"""The ``colorlib`` command."""

import argparse
import os
import sys
import warnings

import colorlib


def main(arguments: list[str] | None = None) -> int:
    """Run ``colorlib`` with these arguments (else those of the command line): 0 done, 1 failed, 2 wrong usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")      # the name of a photo may be in no alphabet at all
    # Only now: `colorlib --help` should not wait for torch.
    from colorlib.system.errors import ColorlibError
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *where, **more: print(f"colorlib: {message}", file=sys.stderr)
            status = options.run(options)
        print(end="", flush=True)                # here, where what goes wrong can still be told
        return status
    except (ColorlibError, KeyboardInterrupt) as error:
        print(f"colorlib: {str(error) or 'interrupted'}", file=sys.stderr)
        return 1
    except OSError as error:                     # nobody reads from the pipe, or its disk is full
        where = f"{error.filename}: " if error.filename else ""
        print(f"colorlib: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except ValueError as error:                  # a name or a number that does not exist
        print(f"colorlib: {error}; see {parser.prog} --help", file=sys.stderr)
        return 2
    finally:
        _drop_the_rest()


def _drop_the_rest() -> None:
    """What standard output does not take: Python would try once more as it ends, and fail aloud."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="colorlib", description="Teach a network to color gray photos.")
    parser.add_argument("--version", action="version", version=f"colorlib {colorlib.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands)
    _add_colorize(commands)
    _add_evaluate(commands)
    _add_ablate(commands)
    _add_data(commands)
    return parser


def _add_train(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "train", help="train a network", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Train a network. Stopped, by Ctrl-C or a crash, the same command goes on where it was.",
        epilog="example:\n  colorlib train --data cifar10 --objective ab-l1 --epochs 3 --run-dir runs/first")
    add = parser.add_argument
    add("--data", required=True, metavar="NAME",
        help="cifar10, animals10, animals3, samples (embedded), or folder (your own photos, with --root)")
    add("--root", metavar="DIR", help="the folder or zip that holds the data (default: data/, then COLORLIB_DATA)")
    add("--model", default="course", metavar="NAME", help="course: the study's 11 convolutions (default); or unet")
    add("--objective", default="rgb-l2", metavar="NAME",
        help="rgb-l1, rgb-l2 (default), ab-l1, ab-l2, bins (Zhang's), or perceptual (it downloads VGG16, 553 MB)")
    add("--size", type=int, default=32, metavar="N", help="pixels along each side (default: %(default)s)")
    add("--epochs", type=int, default=3, metavar="N", help="times to see every image (default: %(default)s)")
    add("--batch-size", type=int, default=64, metavar="N", help="images in a step (default: %(default)s)")
    add("--lr", type=float, default=0.001, metavar="X", help="Adam's learning rate (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="equal seeds give equal runs (default: %(default)s)")
    add("--precision", default="auto", choices=("auto", "float32", "bfloat16"), help="of the network (default: auto)")
    add("--threads", type=int, metavar="N", help="CPU threads (default: one a core that is ours)")
    add("--run-dir", metavar="DIR", help="where to keep the run (default: under runs/, named by its content)")
    parser.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    from colorlib import data
    from colorlib.models.recipe import Recipe
    from colorlib.system.distributed import team
    from colorlib.training.config import TrainConfig
    from colorlib.training.loop import fit

    say = team().print                           # once, however many processes train
    recipe = Recipe(options.model, options.objective, options.size)
    config = TrainConfig(num_epochs=options.epochs, batch_size=options.batch_size, lr=options.lr, seed=options.seed,
                         precision=options.precision, threads=options.threads)
    train, valid = data.load_to_train(options.data, options.size, options.root)
    say(train.source)
    run = fit(recipe, train, valid, config, options.run_dir)
    for row in run.epochs:
        say("epoch {epoch:.0f}: validation loss {valid_loss:.4f}, PSNR {valid_psnr:.2f} dB, "
            "ab MAE {valid_ab_mae:.2f} Lab units, colorfulness {valid_colorfulness:.2f} of the truth".format(**row))
    done = run.finished(options.epochs)
    say(f"{'done' if done else 'not finished'}: {run.path}")
    return 0 if done else 1


def _add_data(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("data", help="get a data set", description="Get a data set, or say what is there.",
                                 epilog="example: colorlib data info")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    get = actions.add_parser("get", help="download a data set, unless there is a copy of it",
                             epilog="example: colorlib data get cifar10")
    get.add_argument("name", metavar="NAME", help="cifar10, animals10 or animals3")
    get.set_defaults(run=_data_get)
    info = actions.add_parser("info", help="say which data sets are there, and where",
                              epilog="example: COLORLIB_DATA=~/data colorlib data info")
    info.set_defaults(run=_data_info)


def _data_get(options: argparse.Namespace) -> int:
    from colorlib import data

    path, _ = data.get(options.name)
    print(f"{options.name}: {path}")
    return 0


def _data_info(options: argparse.Namespace) -> int:
    from colorlib import data
    from colorlib.system.errors import DataError

    status = 0
    for name in data.DATASETS:
        if name == "folder":
            print("folder: any folder or zip of photos, with --root")
            continue
        try:
            copy = data.find(name)
            print(f"{name}: {copy[0] if copy else f'not here; get it with: colorlib data get {name}'}")
        except (DataError, OSError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            status = 1
    return status


def _add_colorize(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "colorize", help="color photos", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Color photos at their full size. Run again, it does what is missing; inputs stay as they are.",
        epilog="examples:\n  colorlib colorize grandma.jpg -o grandma-in-color.jpg\n"
               "  colorlib colorize ~/Scans 'more/*.tif' -o colored --compare\n"
               "  colorlib colorize - -o - < gray.png > colored.png")
    add = parser.add_argument
    add("inputs", nargs="+", metavar="IN", help="files, folders with all below them, globs; - reads a pipe")
    add("-o", "--out", required=True, metavar="DIR|FILE", help="where the results belong; - writes a pipe")
    add("--weights", default="photos", metavar="NAME|FILE",
        help="photos (default), photos-vivid, cifar, cifar-vivid, study, or a file")
    add("--temperature", type=float, metavar="T", help="of weights that classify: 0 is vivid, 1 cautious")
    add("--saturation", type=float, default=1.0, metavar="S", help="multiplies the colors (default: %(default)s)")
    add("--format", metavar="NAME", help="jpeg, png, webp or tiff (default: that of the input, else png)")
    add("--compare", action="store_true", help="gray on the left, colored on the right")
    add("--overwrite", action="store_true", help="write outputs anew that are there already")
    parser.set_defaults(run=_colorize)


def _colorize(options: argparse.Namespace) -> int:
    from colorlib.colorize import batch as coloring
    from colorlib.colorize.colorizer import Colorizer

    wish = coloring.ColorizeOptions(options.temperature, options.saturation, options.format, options.compare, options.overwrite)
    if "-" in (options.out, *options.inputs):
        if options.inputs != ["-"] or options.out != "-":
            raise ValueError("a pipe is colored by itself: colorlib colorize - -o -")
        data, colorizer = sys.stdin.buffer.read(), Colorizer(options.weights)
        colored = coloring.color_bytes(data, "the pipe", colorizer, wish)
        sys.stdout.buffer.write(colored.data)
        if colored.remark:
            print(colored.remark, file=sys.stderr)
        return 0
    tasks = coloring.plan(options.inputs, options.out, wish)
    outcomes = coloring.with_progress(coloring.color_files(tasks, Colorizer(options.weights), wish), len(tasks))
    print(coloring.summary_line(outcomes))
    return int(any(outcome.fate == "failed" for outcome in outcomes))


def _add_ablate(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "ablate", help="repeat the study, several seeds each", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Put the study's claims to the test. Killed, the same command goes on where it was.",
        epilog="example:\n  colorlib ablate --claims 1,10 --budget course --out results")
    add = parser.add_argument
    add("--claims", metavar="N,N", help="by number, 1 to 18 (default: all)")
    add("--budget", choices=("smoke", "course", "full"), help="how much to train (default: COLORLIB_BUDGET, or course)")
    add("--seeds", type=int, default=3, metavar="N", help="trainings of each variant (default: %(default)s)")
    add("--out", required=True, metavar="DIR", help="where to write trainings.csv, curves.csv and verdicts.csv")
    parser.set_defaults(run=_ablate)


def _ablate(options: argparse.Namespace) -> int:
    if options.budget:
        os.environ["COLORLIB_BUDGET"] = options.budget
    from colorlib.study import verdicts
    from colorlib.system.paths import expanded

    numbers = _numbers(options.claims) if options.claims is not None else None
    rows = verdicts.repeat(numbers, options.seeds, expanded(options.out))
    print(verdicts.table(rows, numbers))
    failed = [f"{row.variant}, seed {row.seed}: {row.error}" for row in rows if row.error]
    print("\n".join(failed) or "all trainings finished")
    return int(bool(failed))


def _numbers(text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError as error:
        raise ValueError(f"claims are numbers with commas between them, such as 1,10, got {text!r}") from error


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "evaluate", help="measure a trained network", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measure a trained network on color photos, next to the gray copy, one mean color, and the study's "
                    "network.",
        epilog="examples:\n  colorlib evaluate --weights cifar --data cifar10\n"
               "  colorlib evaluate --weights runs/first/best.safetensors --data ~/Pictures --json scores.json")
    add = parser.add_argument
    add("--weights", required=True, metavar="NAME|FILE", help="weights that come with colorlib, or a safetensors file")
    add("--data", required=True, metavar="NAME|DIR", help="a data set, or any folder or zip of color photos")
    add("--split", default="test", metavar="NAME", help="of a data set (default: %(default)s); of a folder all is used")
    add("--limit", type=int, metavar="N", help="only N photos, spread evenly")
    add("--json", metavar="FILE", help="write all numbers, with those of each photo, into a file")
    parser.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from colorlib.metrics import evaluation, probes, report
    from colorlib.models.weights import load_weights
    from colorlib.system.files import expect_writable
    from colorlib.system.paths import expanded

    if options.json:
        expect_writable(expanded(options.json))
    model, recipe = load_weights(options.weights)
    images, others = report.evaluation_images(options.data, options.split, recipe.size, options.limit)
    print(images.source)
    colorizers = report.reference_colorizers(others) | {str(options.weights): (model, recipe.build_objective())}
    found, missing = probes.available_probes(images)
    scores = evaluation.evaluate(colorizers, images, found)
    if options.json:
        report.write_json(options.json, scores, images)
    print("\n".join([*missing, report.table(scores)]))
    return 0
