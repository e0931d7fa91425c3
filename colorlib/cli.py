"""The ``colorlib`` command. Everything that needs torch is imported when used, so that ``--help`` is fast."""

import argparse
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable

import colorlib as cl
from colorlib.system.errors import ColorlibError, DataError, UsageError
from colorlib.system.files import expect_writable
from colorlib.system.paths import expand_user

ISSUES = "https://github.com/colorlib/colorlib/issues"


def main(arguments: list[str] | None = None) -> int:
    """Run ``colorlib`` with these arguments, by default those of the command line.

    Returns:
        The exit status: 0 done, 1 something failed, 2 wrong usage.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    if options.run is None:
        options.parser.print_help(sys.stderr)
        return 2
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")      # file names may hold bytes that are no text
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *where, **more: print(f"colorlib: {message}", file=sys.stderr)
            status = options.run(options)
        print(end="", flush=True)                              # a full disk must fail here, where it is reported
        return status
    except UsageError as error:
        print(f"colorlib: {error}; see {options.parser.prog} --help", file=sys.stderr)
        return 2
    except ColorlibError as error:
        print(f"colorlib: {error}", file=sys.stderr)
    except KeyboardInterrupt as stop:
        print(f"colorlib: {stop if stop.args else 'interrupted'}", file=sys.stderr)
    except OSError as error:                                   # a closed pipe, a full disk
        where = f"{error.filename}: " if error.filename else ""
        print(f"colorlib: {where}{error.strerror or error}", file=sys.stderr)
    except Exception:
        traceback.print_exc()
        print(f"colorlib: this is a bug. Please report it at {ISSUES} with the text above, the version "
              f"({cl.__version__}) and the command: {shlex.join(['colorlib', *arguments])}", file=sys.stderr)
    finally:
        _discard_unwritable_output()
    return 1


def _discard_unwritable_output() -> None:
    """Drop what standard output cannot take: otherwise Python tries again at exit and prints another error."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="colorlib", description="Train networks to colorize photos, and use them.",
                                     epilog="colorlib COMMAND --help lists the options of a command.")
    parser.add_argument("--version", action="version", version=f"colorlib {cl.__version__}")
    parser.set_defaults(run=None, parser=parser)
    commands = parser.add_subparsers(metavar="COMMAND")
    _add_train(commands)
    _add_colorize(commands)
    _add_evaluate(commands)
    _add_ablate(commands)
    _add_data(commands)
    return parser


def _add_command(commands: argparse._SubParsersAction, name: str, run: Callable[[argparse.Namespace], int] | None,
                 summary: str, description: str, example: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=description, epilog=f"example:\n{example}",
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(run=run, parser=parser)
    return parser


def _add_train(commands: argparse._SubParsersAction) -> None:
    add = _add_command(
        commands, "train", _train, "train a network",
        "Train a network. After Ctrl-C or a crash, the same command continues the training.",
        "  colorlib train --data cifar10 --objective ab-l1 --epochs 3 --run-dir runs/first").add_argument
    add("--data", required=True, metavar="NAME|DIR",
        help="cifar10, animals10, animals3, samples (a few photos that come with colorlib), a folder or zip of your "
             "own photos, or the word folder with --root")
    add("--root", metavar="DIR", help="folder or zip that holds the data (default: data/, then COLORLIB_DATA)")
    add("--model", default="study", metavar="NAME",
        help="study: the 11 convolutions of the study (default; old name: course); unet; or encoder-unet")
    add("--pretrained", action="store_true",
        help="start from an encoder pretrained on ImageNet (encoder-unet only)")
    add("--objective", default="rgb-l2", metavar="NAME",
        help="rgb-l1, rgb-l2 (default), ab-l1, ab-l2, bins (Zhang's classification), perceptual (downloads VGG16, 553 MB), "
             "or adversarial (a critic learns to tell painted colors from true ones)")
    add("--size", type=int, default=32, metavar="N", help="pixels along each side (default: %(default)s)")
    add("--epochs", type=int, default=3, metavar="N", help="passes through all images (default: %(default)s)")
    add("--minutes", type=float, metavar="X",
        help="train for about this long: the first steps are timed, and epochs or images left out (default: train all)")
    add("--batch-size", type=int, default=64, metavar="N", help="images in a training step (default: %(default)s)")
    add("--lr", type=float, default=0.001, metavar="X", help="learning rate of Adam (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="equal seeds give equal runs (default: %(default)s)")
    add("--precision", default="auto", choices=("auto", "float32", "bfloat16"),
        help="number format of the network's layers (default: auto, bfloat16 where it is fast)")
    add("--threads", type=int, metavar="N", help="CPU threads (default: one per available core)")
    add("--run-dir", metavar="DIR", help="directory of the run (default: under runs/, named after its settings)")


def _train(options: argparse.Namespace) -> int:
    from colorlib.system.distributed import process_state

    say = process_state().print                                # prints in one process only
    recipe = cl.Recipe(options.model, options.objective, options.size, {"encoder": "tuned"} if options.pretrained else {})
    config = cl.TrainConfig(num_epochs=options.epochs, minutes=options.minutes, batch_size=options.batch_size, lr=options.lr, seed=options.seed,
                            precision=options.precision, threads=options.threads)
    start = cl.models.pretrained(recipe, options.seed) if options.pretrained else None
    name, root = options.data, options.root
    if root is None and name not in cl.data.DATASETS and expand_user(name).exists():
        name, root = "folder", name
    train, valid = cl.data.load_to_train(name, options.size, root)
    say(train.source)
    run = cl.fit(recipe, train, valid, config, options.run_dir, start)
    for row in run.epochs:
        say("epoch {epoch:.0f}: validation loss {valid_loss:.4f}, PSNR {valid_psnr:.2f} dB, "
            "ab MAE {valid_ab_mae:.2f} Lab units, colorfulness {valid_colorfulness:.2f} of the truth".format(**row))
    done = run.finished
    say(f"{'done' if done else 'not finished'}: {run.path}")
    return 0 if done else 1


def _add_data(commands: argparse._SubParsersAction) -> None:
    parser = _add_command(commands, "data", None, "download a data set, or list what is there",
                          "Download a data set, or list which data sets are there.", "  colorlib data info")
    actions = parser.add_subparsers(metavar="ACTION")
    get = _add_command(actions, "get", _data_get, "download a data set", "Download a data set, unless a copy is there.",
                       "  colorlib data get cifar10")
    get.add_argument("name", metavar="NAME", help="cifar10, animals10 or animals3")
    _add_command(actions, "info", _data_info, "list the data sets and their paths",
                 "List the data sets and the path of each copy.", "  COLORLIB_DATA=~/data colorlib data info")


def _data_get(options: argparse.Namespace) -> int:
    path, _ = cl.data.get(options.name)
    print(f"{options.name}: {path}")
    return 0


def _data_info(options: argparse.Namespace) -> int:
    status = 0
    for name in cl.data.DATASETS:
        if name == "folder":
            print("folder: any folder or zip of photos, with --root")
            continue
        try:
            copy = cl.data.find(name)
            print(f"{name}: {copy[0] if copy else f'not here; get it with: colorlib data get {name}'}")
        except (DataError, OSError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            status = 1
    return status


def _add_colorize(commands: argparse._SubParsersAction) -> None:
    command = _add_command(
        commands, "colorize", _colorize, "color photos and films",
        "Color photos at their full size, and films. Inputs are never changed; results that exist are kept.",
        "  colorlib colorize grandma.jpg -o grandma-in-color.jpg\n"
        "  colorlib colorize ~/Scans 'more/*.tif' -o colored --compare\n"
        "  colorlib colorize - -o - < gray.png > colored.png")
    add, either = command.add_argument, command.add_mutually_exclusive_group().add_argument
    add("inputs", nargs="+", metavar="IN", help="files, folders with their subfolders, globs; - reads a pipe")
    add("-o", "--out", required=True, metavar="DIR|FILE", help="where to write the results; - writes a pipe")
    add("--weights", default="photos", metavar="NAME|FILE",
        help="photos (default), photos-vivid, cifar, cifar-vivid, study, or a weights file")
    either("--vividness", type=float, metavar="V",
        help="0 is careful, 1 is bold; for weights that classify, such as photos (default: that of the weights)")
    either("--temperature", type=float, metavar="T",
        help="in place of a vividness, Zhang's temperature: from 0, the likeliest color, to 1, the mean color")
    add("--saturation", type=float, default=1.0, metavar="S", help="factor for the colors (default: %(default)s)")
    add("--hints", metavar="JSON", help="file of colors that are known at some places of one photo")
    add("--format", metavar="NAME", help="jpeg, png, webp or tiff (default: the format of the input, else png)")
    add("--size", type=comma_separated_numbers, default=[], metavar="N[,N]",
        help="pixels of the shorter side that the network sees (default: that of the weights); several, such as "
             "128,192,256,384, give their results in a row")
    add("--compare", action="store_true", help="put the gray photo on the left of the result")
    add("--only-gray", action="store_true", help="skip photos in color; sepia and the tint of a scan count as gray")
    add("--jobs", type=int, default=1, metavar="N", help="photos at the same time, which takes N times the memory (default: %(default)s)")
    add("--overwrite", action="store_true", help="replace results that exist")


def _colorize(options: argparse.Namespace) -> int:
    hints = cl.colorize.read_hints(expand_user(options.hints)) if options.hints else ()
    coloring = cl.colorize.ColorizeOptions(
        vividness=options.vividness, saturation=options.saturation, format=options.format, sizes=tuple(options.size),
        compare=options.compare, only_gray=options.only_gray, overwrite=options.overwrite, hints=hints)
    if "-" in (options.out, *options.inputs):
        if options.inputs != ["-"] or options.out != "-":
            raise UsageError("a pipe needs - as the only input and as the output: colorlib colorize - -o -")
        data = sys.stdin.buffer.read()
        colored, remark = cl.colorize.color_bytes(data, "the pipe", _colorizer(options), coloring)
        sys.stdout.buffer.write(colored)
        if remark:
            print(remark, file=sys.stderr)
        return 0
    tasks = cl.colorize.plan_tasks(options.inputs, options.out, coloring.format)
    if hints and len(tasks) > 1:
        raise UsageError(f"--hints belong to one photo, but {len(tasks)} are to be colored")
    outcomes = cl.colorize.color_files(tasks, _colorizer(options), coloring, options.jobs)
    outcomes = cl.colorize.collect_outcomes(outcomes, len(tasks))
    print(cl.colorize.summary_line(outcomes))
    return int(any(outcome.status == "failed" for outcome in outcomes))


def _colorizer(options: argparse.Namespace) -> "cl.Colorizer":
    colorizer = cl.Colorizer(options.weights)
    if options.temperature is not None:
        colorizer.objective = colorizer.objective.with_temperature(options.temperature)
    return colorizer


def _add_ablate(commands: argparse._SubParsersAction) -> None:
    add = _add_command(
        commands, "ablate", _ablate, "repeat the study with several seeds",
        "Test the claims of the study. After Ctrl-C or a crash, the same command continues. What is in the tables of --out already is not "
        "trained again.",
        "  colorlib ablate --claims 1,10 --budget course --out results").add_argument
    add("--claims", type=comma_separated_numbers, metavar="N,N", help="numbers of the questions that they test, 1 to 18 (default: all)")
    add("--budget", choices=("smoke", "course", "full"), help="how much to train (default: COLORLIB_BUDGET, else course)")
    add("--seeds", type=int, default=3, metavar="N", help="trainings of each variant (default: %(default)s)")
    add("--plan", metavar="DIR",
        help="folder with the trainings.csv of a pilot study: train as many seeds as its scatter says are needed to find the smallest "
             "effects, and none of its own")
    add("--most-seeds", type=int, metavar="N",
        help="where the size of an effect is open, go on to so many seeds; no plan asks for more (default: 12 with --plan, else --seeds)")
    add("--missing", default="error", choices=("error", "samples"),
        help="where a data set is not there: stop, or train on the few photos that come with colorlib (default: error)")
    add("--out", required=True, metavar="DIR", help="folder for trainings.csv, curves.csv and verdicts.csv")


def _ablate(options: argparse.Namespace) -> int:
    if options.budget:
        os.environ["COLORLIB_BUDGET"] = options.budget
    plan = [] if options.plan is None else cl.study.read_table(expand_user(options.plan) / "trainings.csv")
    if options.plan is not None and not plan:
        raise DataError(f"{options.plan} holds no trainings to plan by: give the folder of a pilot study")
    rows = cl.study.repeat(options.claims, options.seeds, expand_user(options.out), missing=options.missing, plan=plan,
                           most_seeds=options.most_seeds)
    print(cl.study.verdict_table(rows, options.claims))
    failed = [f"{row.variant}, seed {row.seed}: {row.error}" for row in rows if row.error]
    print("\n".join(failed) or "all trainings finished")
    return int(bool(failed))


def comma_separated_numbers(text: str) -> list[int]:
    """Convert "1,10" to [1, 10]."""
    try:
        return [int(number) for number in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be numbers with commas between, such as 1,10, got {text!r}") from error


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    command = _add_command(
        commands, "evaluate", _evaluate, "measure a trained network",
        "Measure a trained network on color photos, next to a gray copy, one mean color and the study's network.",
        "  colorlib evaluate --weights cifar --data cifar10\n"
        "  colorlib evaluate --weights photos --data ~/Pictures --vividness 0 0.5 1\n"
        "  colorlib evaluate --weights runs/first/best.safetensors --data ~/Pictures --json scores.json")
    add = command.add_argument
    add("--weights", required=True, metavar="NAME|FILE", help="weights that come with colorlib, or a safetensors file")
    add("--data", required=True, metavar="NAME|DIR", help="a data set, or any folder or zip of color photos")
    add("--split", default="test", metavar="NAME", help="split of a data set (default: %(default)s); a folder has one")
    add("--limit", type=int, metavar="N", help="measure only N photos, spread evenly")
    add("--vividness", type=float, nargs="+", default=[], metavar="V",
        help="measure at these levels of vividness, from 0 to 1 (default: that of the weights)")
    also = command.add_mutually_exclusive_group().add_argument
    also("--fid", action="store_true", help="measure FID as well: needs torch-fidelity, and downloads 91 MB once")
    also("--protocol", choices=("zhang2016", "nazeri2018"),
        help="measure as a paper did, at its size, and print its numbers below, with the gain over a gray copy")
    add("--json", metavar="FILE", help="write all numbers, also those of each photo, to a file")


def _evaluate(options: argparse.Namespace) -> int:
    from colorlib.metrics import protocols, report

    protocol = protocols.PROTOCOLS[options.protocol] if options.protocol else None
    if protocol:
        protocols.expect_large_images(protocol, options.data)
    fid = {"FID": cl.metrics.fid_probe()} if options.fid else {}           # an error after the measuring would come too late
    if options.json:
        expect_writable(expand_user(options.json))
    model, recipe = cl.load_weights(options.weights)
    objective, name = recipe.build_objective(), str(options.weights)
    # :g alone would give one name to levels that differ in the seventh digit.
    measured = {f"{name}, vividness {level:.12g}": (model, objective.with_vividness(level)) for level in options.vividness} or {name: (model, objective)}
    images, others = report.evaluation_images(options.data, options.split, protocol.size if protocol else recipe.size, options.limit)
    print(images.source)
    colorizers = report.reference_colorizers(others) | measured
    available, missing = protocols.protocol_probes(protocol, images) if protocol else cl.metrics.available_probes(images)
    scores = cl.evaluate(colorizers, images, available | fid)
    if options.json:
        report.write_json(options.json, scores, images)
    print(*missing, protocols.protocol_table(protocol, scores) if protocol else report.score_table(scores), sep="\n")
    return 0
