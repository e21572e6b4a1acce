/** The programs in Python that the documents hold: they can be read, and name networks that there are. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const DOCS = join(import.meta.dirname, '..', '..', 'docs');
/** One with timm and torchvision, where there is one. */
const PYTHON = process.env['L2CAF_PYTHON'] ?? 'python3';

/** Runs a program on an input; undefined where there is no Python. */
function python(program: string, input: string): { status: number; output: string } | undefined {
  const { status, stdout, stderr, error } = spawnSync(PYTHON, ['-c', program], { input, encoding: 'utf8' });
  return error === undefined ? { status: status!, output: stdout + stderr } : undefined;
}

const blocks = readdirSync(DOCS)
  .filter((name) => name.endsWith('.md'))
  .flatMap((page) => {
    const text = readFileSync(join(DOCS, page), 'utf8');
    return [...text.matchAll(/^```python\n([\s\S]*?)^```$/gm)].map(([, code], i) => ({
      name: `${page}, ${i + 1}`,
      code: code!,
    }));
  });
const script = blocks.find(({ code }) => code.includes('export_networks.py'))!.code;

/** Looks for each name, quoted, in the sources of a package, which need not be importable; without the package it says so. */
const LOOK = `
import importlib.util, pathlib, sys
package, *names = sys.stdin.read().split()
found = importlib.util.find_spec(package)
if found is None:
    sys.exit(3)
sources = "\\n".join(path.read_text() for path in pathlib.Path(found.origin).parent.glob("models/*.py"))
print([name for name in names if f"'{name}'" not in sources and f"def {name}(" not in sources])
`;

describe('Python in the documents', () => {
  it.for(blocks)('$name can be read', ({ code }, { skip }) => {
    const read = python('import ast, sys; ast.parse(sys.stdin.read())', code);
    if (read === undefined) return skip(`there is no ${PYTHON}`);
    expect(read).toEqual({ status: 0, output: '' });
  });

  it('exports the six networks of the paper', () => {
    const exported = [...script.matchAll(/export\("([\w-]+)"|^ {4}"([\w-]+)": "/gm)].map(
      ([, one, other]) => one ?? other,
    );
    expect(exported).toEqual(['googlenet', 'resnetv2-50', 'densenet161', 'se-resnet50', 'mobilenet', 'vgg16-gap']);
  });

  it.for([
    ['timm', [...script.matchAll(/"(\w+\.\w+)"/g)].map(([, name]) => name!).filter((name) => !name.endsWith('.py')), 5],
    ['torchvision', [...script.matchAll(/from torchvision\.models import (\w+)/g)].map(([, name]) => name!), 1],
  ] as const)('%s has the networks that it exports', ([name, networks, count], { skip }) => {
    expect(networks).toHaveLength(count);
    // timm tells weights and network apart: 'vgg16.tv_in1k'
    const looked = python(LOOK, [name, ...networks].join(' '));
    if (looked === undefined || looked.status === 3) return skip(`${PYTHON} has no ${name} (L2CAF_PYTHON)`);
    expect(looked).toEqual({ status: 0, output: '[]\n' });
  });
});
