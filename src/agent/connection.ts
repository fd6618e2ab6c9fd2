import { type CloseEvent, WebSocket } from 'ws';
import { Compile } from 'typebox/compile';

import type { AgentIdentity } from './identity.js';
import type { Membership } from './agent-files.js';
import type { Reports } from './reports.js';
import type { AgentLog } from './agent-log.js';
import type { Obedience } from './obedience.js';
import type { Work } from './work/work.js';
import type { WorkLink } from './work/work-link.js';

import {
  AGENT_PATH,
  AGENT_PROTOCOLS,
  type AgentFrame,
  DaemonFrame,
  type Desired,
  MAX_AGENT_FRAME_BYTES,
  proofText,
  type Refused,
} from '../contract/agent/protocol.js';
import { messageText } from '../core/platform/common/message-text.js';
import { AppError } from '../core/types/errors/app-error.js';
import { latestOnly } from '../core/utils/latest-only.js';
import { isErrorCode } from '../core/types/errors/codes.js';
import { slept } from '../core/utils/slept.js';
import { toldPauseMs } from './back-off.js';
import { roomIn } from './channels/room.js';
import { LogStreams } from './log-streams.js';
import { connectionFailure, gridTls } from './pinned-tls.js';

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** From the connection to the daemon's word that it believes us. */
const WELCOME_TIMEOUT_MS = 20_000;
/** How long the daemon has to answer the end of a connection. */
const CLOSE_GRACE_MS = 3_000;
/** From one order to the next. Each costs two frames, of which a daemon takes so many in a time; of orders that come faster, the newest counts. */
const ORDER_GAP_MS = 250;
/** Heartbeats that may stay unanswered. */
const MAX_UNANSWERED = 3;
/** Too many requests, and unavailable: what comes with a time to come again. */
const COME_AGAIN = new Set([429, 503]);

const frameCheck = Compile(DaemonFrame);

export interface ConnectionParts {
  readonly membership: Membership;
  readonly identity: AgentIdentity;
  readonly machine: string;
  readonly bootId: string;
  readonly version: string;
  /** What of it the grid may read; absent where nothing. */
  readonly agentLog?: Pick<AgentLog, 'tail' | 'listen'>;
  /** To say good-bye for good, and nothing else. */
  readonly leaves?: boolean;
  /** Does what is wanted; absent for one that only says good-bye. */
  readonly obedience?: Pick<Obedience, 'generation' | 'obey' | 'restart' | 'update'>;
  /** Runs the containers of the grid; absent for one that only says good-bye. */
  readonly work?: Pick<Work, 'connect'> | undefined;
  readonly onWelcome: (node: { readonly id: string; readonly name: string }) => void;
  /** How far this machine’s clock is ahead of the daemon’s. */
  readonly onSkew: (skewMs: number) => void;
  /** A heartbeat was answered. */
  readonly onAlive?: () => void;
  /** What is told of this machine; absent, only that it lives. */
  readonly reports?: Reports | undefined;
}

/** Why a connection ended. `refusal`: the daemon said why; `final`: and that coming again is of no use. */
export interface ConnectionEnd {
  readonly wasWelcome: boolean;
  /** The daemon has forgotten this machine, as it was asked to. */
  readonly hasLeft: boolean;
  readonly error: AppError;
  readonly final: boolean;
  /** The daemon is there, and has asked to come again no sooner. */
  readonly retryAfterMs: number | undefined;
}

/** One connection to the daemon, from the handshake to its end, which is what it resolves to. It never rejects. */
export function connect(parts: ConnectionParts, signal: AbortSignal): Promise<ConnectionEnd> {
  const connection = new Connection(parts, signal);
  return connection.ended;
}

class Connection {
  readonly #parts: ConnectionParts;
  readonly #socket: WebSocket;
  readonly #logs: LogStreams | undefined;
  readonly #end = Promise.withResolvers<ConnectionEnd>();
  readonly #patience: NodeJS.Timeout;
  readonly #over = new AbortController();
  readonly #orders = latestOnly<Desired>(async (desired) => {
    await this.#obey(desired);
    await slept(ORDER_GAP_MS, this.#over.signal);
  });
  /** The last order, for as long as it could not be kept. */
  #unkept: Desired | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #stopReports: (() => void) | undefined;
  #work: WorkLink | undefined;
  #wasWelcome = false;
  #hasLeft = false;
  #refused: Refused | undefined;
  #broken: AppError | undefined;
  #retryAfterMs: number | undefined;
  #seq = 0;
  #answered = 0;

  constructor(parts: ConnectionParts, signal: AbortSignal) {
    this.#parts = parts;
    const { agentLog } = parts;
    this.#logs = agentLog && new LogStreams(agentLog, (frame) => this.#send(frame));
    const { url, caCertificate } = parts.membership;
    this.#socket = new WebSocket(`${url.replace(/^http/, 'ws')}${AGENT_PATH}`, {
      ...gridTls(caCertificate),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_AGENT_FRAME_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
    });
    this.#patience = setTimeout(() => {
      this.#break(new AppError('TIMED_OUT', 'The daemon did not say whether it believes us.'));
    }, WELCOME_TIMEOUT_MS);
    const stop = () => {
      this.#socket.close(1000, 'stopping');
      // One that is not heard is not waited for: a machine that goes down has no time for it.
      setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS).unref();
    };
    signal.addEventListener('abort', stop, { once: true });
    this.#socket.on('message', (data, isBinary) =>
      this.#receive(isBinary ? '' : messageText(data)),
    );
    this.#socket.on('error', (error) => {
      this.#broken ??= connectionFailure(error, url, new Date());
    });
    this.#socket.on('unexpected-response', (_, { statusCode = 0, headers }) =>
      this.#turnedAway(statusCode, headers['retry-after']),
    );
    this.#socket.addEventListener('close', (event) => {
      signal.removeEventListener('abort', stop);
      this.#ended(event);
    });
    if (signal.aborted) stop();
  }

  get ended(): Promise<ConnectionEnd> {
    return this.#end.promise;
  }

  /** Something answers, and takes no agents at this time. */
  #turnedAway(status: number, retryAfter: string | undefined): void {
    const { url } = this.#parts.membership;
    this.#retryAfterMs = COME_AGAIN.has(status) ? toldPauseMs(retryAfter) : undefined;
    this.#break(
      this.#retryAfterMs === undefined
        ? new AppError('DAEMON_UNREACHABLE', `${url} answers, but not as a daemon (${status}).`)
        : new AppError('DAEMON_BUSY', `${url} is busy, and asks to come again later.`),
    );
  }

  #receive(text: string): void {
    const frame = parsed(text);
    if (!frame)
      return this.#break(new AppError('API_VERSION_MISMATCH', 'The daemon speaks otherwise.'));
    if ('hello' in frame) this.#prove(frame.hello);
    else if ('welcome' in frame) this.#welcomed(frame.welcome);
    else if ('desired' in frame) this.#orders.offer(frame.desired);
    else if ('beaten' in frame) this.#beaten(frame.beaten);
    else if ('logs' in frame) void this.#logs?.open(frame.logs);
    else if ('logsEnd' in frame) this.#logs?.close(frame.logsEnd.id);
    else if ('left' in frame) this.#hasLeft = true;
    else if ('refused' in frame) this.#refuse(frame.refused);
    else this.#work?.receive(frame);
  }

  #refuse(refused: Refused): void {
    this.#refused = refused;
    const { retryAfterSeconds } = refused;
    if (retryAfterSeconds !== undefined) this.#retryAfterMs = retryAfterSeconds * 1_000;
  }

  #prove({ protocols, nonce, at }: { protocols: number[]; nonce: string; at: string }): void {
    const { membership, identity, machine, bootId, version } = this.#parts;
    const now = new Date();
    this.#tellSkew(at);
    const [protocol] = AGENT_PROTOCOLS.filter((known) => protocols.includes(known)).toReversed();
    if (protocol === undefined) {
      this.#refused = {
        code: 'AGENT_PROTOCOL_UNSUPPORTED',
        message: `The daemon speaks protocol ${protocols.join(', ')}, this agent ${AGENT_PROTOCOLS.join(', ')}.`,
        hint: '',
        final: false,
      };
      this.#socket.close(1000);
      return;
    }
    const proof = {
      protocol,
      node: membership.node.id,
      machine,
      bootId,
      agentVersion: version,
      at: now.toISOString(),
    };
    const signature = identity.sign(proofText(proof, nonce, membership.caSha256));
    this.#send({ proof: { ...proof, signature } });
  }

  #welcomed(welcome: {
    node: { id: string; name: string };
    heartbeatSeconds: number;
    desired: Desired;
  }): void {
    clearTimeout(this.#patience);
    this.#wasWelcome = true;
    this.#parts.onWelcome(welcome.node);
    if (this.#parts.leaves) return this.#send({ leave: {} });
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(() => {
      this.#beat();
      // A disk that was full may have room by now.
      if (this.#unkept) this.#orders.offer(this.#unkept);
    }, welcome.heartbeatSeconds * 1_000);
    this.#orders.offer(welcome.desired);
    this.#tellHardware();
    this.#work = this.#parts.work?.connect(
      (frame) => this.#send(frame),
      () => roomIn(this.#socket),
    );
  }

  #tellHardware(): void {
    const { reports } = this.#parts;
    this.#stopReports?.();
    this.#stopReports = reports?.onHardware((hardware) => this.#send({ hardware }));
    if (reports?.hardware) this.#send({ hardware: reports.hardware });
  }

  /** Says at once how far it has come: somebody may be waiting for it. */
  async #obey(desired: Desired): Promise<void> {
    const { obedience } = this.#parts;
    if (!obedience) return;
    const { report, isKept, next } = await obedience.obey(desired);
    this.#unkept = isKept ? undefined : desired;
    if (next === 'leave') return this.#send({ leave: {} });
    this.#send({ report });
    // One that is under way is answered late on a long line; more of them would look like silence.
    if (this.#seq === this.#answered) this.#beat();
    if (next === undefined) return;
    // It may take long on a slow line, and other orders are not to wait for it.
    if (next === 'update') return void this.#update(obedience, desired);
    const failed = await obedience.restart(next === 'restart-forced');
    if (failed) this.#send({ report: failed });
  }

  async #update(obedience: Pick<Obedience, 'update'>, desired: Desired): Promise<void> {
    const failed = await obedience.update(desired);
    if (failed) this.#send({ report: failed });
  }

  #beat(): void {
    if (this.#seq - this.#answered >= MAX_UNANSWERED) {
      return this.#break(new AppError('TIMED_OUT', 'The daemon has fallen silent.'));
    }
    this.#seq += 1;
    const observedGeneration = this.#parts.obedience?.generation ?? 0;
    const sample = this.#parts.reports?.takeSample();
    this.#send({
      heartbeat: {
        seq: this.#seq,
        at: new Date().toISOString(),
        observedGeneration,
        ...(sample && { sample }),
      },
    });
  }

  #beaten({ seq, at }: { seq: number; at: string }): void {
    this.#answered = Math.max(this.#answered, Math.min(seq, this.#seq));
    this.#parts.onAlive?.();
    this.#tellSkew(at);
  }

  #tellSkew(at: string): void {
    const skewMs = Date.now() - Date.parse(at);
    if (Number.isSafeInteger(skewMs)) this.#parts.onSkew(skewMs);
  }

  #send(frame: AgentFrame): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #break(error: AppError): void {
    this.#broken ??= error;
    this.#socket.terminate();
  }

  #ended({ code }: CloseEvent): void {
    clearTimeout(this.#patience);
    clearInterval(this.#heartbeat);
    this.#over.abort();
    this.#stopReports?.();
    this.#logs?.closeAll();
    this.#work?.close();
    const refused = this.#refused;
    this.#end.resolve({
      wasWelcome: this.#wasWelcome,
      hasLeft: this.#hasLeft,
      final: refused?.final ?? false,
      retryAfterMs: this.#retryAfterMs,
      error:
        (refused && refusal(refused)) ??
        this.#broken ??
        new AppError('DAEMON_UNREACHABLE', `The daemon closed the connection (${code}).`),
    });
  }
}

function refusal({ code, message }: Refused): AppError {
  return new AppError(isErrorCode(code) ? code : 'DAEMON_UNREACHABLE', message);
}

function parsed(text: string): DaemonFrame | undefined {
  try {
    const frame: unknown = JSON.parse(text);
    return frameCheck.Check(frame) ? frame : undefined;
  } catch {
    return undefined;
  }
}
