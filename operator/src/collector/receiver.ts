import type { LoggingEnvironment } from './environment.ts';
import type { CollectorSettings } from './settings.ts';

const KIB = 1024;

/** Longest line; what is longer comes in pieces. A store refuses lines over 256 KiB by default. */
const LONGEST_LINE = 128 * KIB;

/** Components by the names of their pods, for pods that are gone before their last lines are read. */
const components = [
  ...['user', 'document', 'realtime', 'notification'].map((service) => `${service}-service`),
  ...['postgres', 'redis', 'rabbitmq', 'prometheus', 'loki', 'grafana', 'migrate'],
];

/**
 * Reads the files of one environment's pods. Each environment has a receiver of its own, so that one whose queue is full stops
 * reading its own files and no others, and the files of other pods are not even opened.
 *
 * Every operator here works on the reader's own thread up to the queue on disk, and a checkpoint is written only after that:
 * the collector's `container` operator hands CRI lines over in memory, and they would be lost with the process.
 */
export function receiver({ namespace, name }: LoggingEnvironment, { podLogs }: CollectorSettings) {
  const files = `${podLogs}/${namespace}_${name}-*_*/*`;
  return {
    // The kubelet renames a full file and compresses it at the next turn; what was not read yet is found under that name.
    include: [`${files}/*.log`, `${files}/*.log.????????-??????`],
    storage: 'file_storage',
    start_at: 'beginning',
    poll_interval: '500ms',
    max_concurrent_files: 64,
    max_log_size: `${(LONGEST_LINE * 3) / 2 / KIB}KiB`,
    include_file_name: false,
    include_file_path: true,
    // A long line's pieces may end in spaces.
    preserve_leading_whitespaces: true,
    preserve_trailing_whitespaces: true,
    resource: { namespace, instance: name },
    // Waits for room; nothing is given up for having waited too long.
    retry_on_failure: { enabled: true, initial_interval: '1s', max_interval: '10s', max_elapsed_time: 0 },
    operators: [...podOfPath(), componentOfPod(name), ...lineOfRuntime()],
  };
}

/** `<namespace>_<pod>_<uid>/<container>/<restarts>.log` */
function podOfPath() {
  return [
    {
      type: 'regex_parser',
      id: 'path',
      parse_from: 'attributes["log.file.path"]',
      parse_to: 'resource',
      regex: '/[^/_]+_(?P<pod>[^/_]+)_(?P<uid>[^/_]+)/(?P<container>[^/]+)/[^/]+$',
      on_error: 'send_quiet',
      cache: { size: 256 },
    },
    { type: 'move', id: 'uid', from: 'resource.uid', to: 'resource["k8s.pod.uid"]', on_error: 'send_quiet' },
  ];
}

function componentOfPod(name: string) {
  return {
    type: 'regex_parser',
    id: 'component',
    parse_from: 'resource.pod',
    parse_to: 'resource',
    regex: `^${name}-(?P<guess>${components.join('|')})-`,
    on_error: 'send_quiet',
    cache: { size: 256 },
  };
}

/**
 * `<time> stdout|stderr F|P <text>`: a line of the container runtime; P begins or continues a line that the next one continues.
 * Anything else passes as it is.
 */
function lineOfRuntime() {
  return [
    {
      type: 'regex_parser',
      id: 'line',
      regex: '(?s)^(?P<time>[^ ]+) (?P<stream>stdout|stderr) (?P<tag>[FP][^ ]*) (?P<text>.*)$',
      body: 'attributes.text',
      timestamp: {
        parse_from: 'attributes.time',
        layout_type: 'gotime',
        layout: '2006-01-02T15:04:05.999999999Z07:00',
      },
      on_error: 'send_quiet',
    },
    {
      type: 'recombine',
      id: 'pieces',
      combine_field: 'body',
      combine_with: '',
      is_last_entry: "attributes.tag != 'P'",
      source_identifier: 'attributes["log.file.path"]',
      max_log_size: `${LONGEST_LINE / KIB}KiB`,
      max_batch_size: 0,
      max_unmatched_batch_size: 0,
      force_flush_period: '60s',
    },
  ];
}
