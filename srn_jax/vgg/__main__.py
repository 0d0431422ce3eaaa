"""`python -m srn_jax.vgg`: fetches VGG-19's filters, or tells what a file of them holds."""

from srn_jax.programs.program import Program
from srn_jax.vgg.options import parse

main = Program(
    parse,
    "srn_jax.vgg.program",
    lambda options: options.check or options.download,
    "interrupted; the same command continues where it stopped",
)

if __name__ == "__main__":
    main.end()
