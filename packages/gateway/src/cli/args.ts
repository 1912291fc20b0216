import { nearestName } from '../config/nearest.ts';
import { type ConfigSource, fileSource } from '../config/sources.ts';

/** What the user wants done. */
export type Command =
  /** Serve, or only check the configuration. Without a source the default configuration is meant. */
  | { readonly type: 'run'; readonly source?: ConfigSource; readonly validateOnly: boolean }
  /** Print the version: the bare number, or all that is known about the build as JSON. */
  | { readonly type: 'version'; readonly full: boolean }
  | { readonly type: 'help' }
  /** A sub-command and what follows it, for whoever carries it out. */
  | { readonly type: 'command'; readonly name: string; readonly args: readonly string[] }
  /** The command line makes no sense; one line of what to do about it. */
  | { readonly type: 'usage'; readonly message: string };

/** Sub-commands of the specification that are not built yet. */
const NOT_YET = ['oneshot', 'migrate', 'import', 'config', 'explain', 'simulate'];

const FLAGS = ['--file', '--config', '--validate-only', '--version', '--help', '-f', '-c', '-V', '-h'];

/** What `--help` prints. */
export const HELP = `agentgateway: one gateway for the calls that agents make, to models, to tools, to other agents.

Usage: agentgateway [OPTIONS]

Options:
  -f, --file FILE      Configuration file (YAML or JSON); it is watched, and a change is taken over while serving.
                       - reads standard input, once.
  -c, --config TEXT    The configuration itself, as text.
      --validate-only  Check the configuration, say what is wrong with it and where, and exit.
  -V                   Print the version.
      --version        Print everything about this build, as JSON.
  -h, --help           Print this.

Without -f and -c, the file config.yaml in /config or in ~/.config/agentgateway is used, and created if it is missing.

The smallest configuration that serves something:

  gateways:
    default: {port: 3000}
  routes:
  - backends:
    - host: example.com:80

Values may name environment variables: $NAME, \${NAME}, \${NAME:-default}; $$ is a dollar sign.
Admin, metrics and readiness listen on localhost:15000, port 15020 and port 15021; see config.adminAddr and its siblings.
`;

/**
 * Reads the command line, without the program's name. `commands` are the sub-commands that the caller carries out: they
 * get everything after their name.
 */
export function parseArgs(args: readonly string[], commands: readonly string[] = []): Command {
  const first = args[0];
  if (first !== undefined && first !== '-' && !first.startsWith('-')) return subCommand(first, args.slice(1), commands);

  let file: string | undefined;
  let config: string | undefined;
  let validateOnly = false;
  for (let i = 0; i < args.length; i++) {
    const { flag, inline } = splitFlag(args[i]!);
    switch (flag) {
      case '-f':
      case '--file':
      case '-c':
      case '--config': {
        const value = inline ?? args[++i];
        if (value === undefined || value === '') return usage(`${flag} needs a value`);
        const isFile = flag === '-f' || flag === '--file';
        if ((isFile ? file : config) !== undefined) return usage(`${flag} is given twice`);
        if (isFile) file = value;
        else config = value;
        break;
      }
      case '--validate-only':
        if (inline !== undefined) return usage('--validate-only takes no value');
        validateOnly = true;
        break;
      case '-V':
        return { type: 'version', full: false };
      case '--version':
        return { type: 'version', full: true };
      case '-h':
      case '--help':
        return { type: 'help' };
      default:
        return unknown(flag);
    }
  }
  if (file !== undefined && config !== undefined) return { type: 'usage', message: 'only one of --config or --file' };
  if (file !== undefined) return { type: 'run', source: fileSource(file), validateOnly };
  if (config !== undefined)
    return { type: 'run', source: { type: 'text', text: config, label: '--config' }, validateOnly };
  return { type: 'run', validateOnly };
}

function subCommand(name: string, args: readonly string[], commands: readonly string[]): Command {
  if (commands.includes(name)) return { type: 'command', name, args };
  if (NOT_YET.includes(name)) return { type: 'usage', message: `not supported yet: command ${name}` };
  if (/\.(?:ya?ml|json)$/.test(name))
    return usage(`unexpected argument ${name}; a configuration file is given with -f ${name}`);
  const nearest = nearestName(name, [...commands, ...NOT_YET]);
  return usage(`unknown command ${name}${nearest === undefined ? '' : `; did you mean ${nearest}?`}`);
}

/** `--file=x` and `-fx` carry their value with them. */
function splitFlag(arg: string): { readonly flag: string; readonly inline?: string } {
  if (arg.startsWith('--')) {
    const equals = arg.indexOf('=');
    return equals < 0 ? { flag: arg } : { flag: arg.slice(0, equals), inline: arg.slice(equals + 1) };
  }
  if (arg.length > 2 && (arg.startsWith('-f') || arg.startsWith('-c'))) {
    return { flag: arg.slice(0, 2), inline: arg.slice(arg[2] === '=' ? 3 : 2) };
  }
  return { flag: arg };
}

function unknown(flag: string): Command {
  if (!flag.startsWith('-')) return usage(`unexpected argument ${flag}`);
  const nearest = nearestName(flag, FLAGS);
  return usage(`unknown option ${flag}${nearest === undefined ? '' : `; did you mean ${nearest}?`}`);
}

function usage(message: string): Command {
  return { type: 'usage', message: `${message}; agentgateway --help tells more` };
}
