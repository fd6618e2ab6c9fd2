import type { RawData, WebSocket } from 'ws';
import type { Logger } from 'pino';

import { randomBytes, randomUUID } from 'node:crypto';
import { Compile } from 'typebox/compile';

import type { ConnectRequest } from '../../core/services/node/agent.service.js';
import type { Beat, Connected } from '../../core/services/node/agent.ports.js';
import type { DesiredNode } from '../../core/types/models/agent.js';
import type { Hardware } from '../../core/types/models/hardware.js';
import type { Named } from '../../core/types/models/member.js';

import {
  AGENT_PROTOCOLS,
  AgentFrame,
  type DaemonFrame,
  type Heartbeat,
  type Proof,
  proofText,
  type Report,
} from '../../contract/agent/protocol.js';
import { type LogRequest, LogRequests, type LogSink } from './log-requests.js';
import { ChannelDesk } from '../channels/desk.js';
import { messageText } from '../../core/platform/common/message-text.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { errorCodes } from '../../core/types/errors/codes.js';
import { HEARTBEAT_SECONDS, MISSED_HEARTBEATS } from '../../core/utils/node-life.js';
import { tidySample } from '../../core/utils/tidy-sample.js';
import { UntilNoted } from './until-noted.js';
import { WorkDesk, type WorkDeskDeps } from './work-desk.js';

const PROOF_TIMEOUT_MS = 10_000;
const SILENCE_MS = HEARTBEAT_SECONDS * MISSED_HEARTBEATS * 1_000;
const CLOSE_GRACE_MS = 3_000;
/** An agent has a heartbeat and little else to say unasked. Whoever says more is none of ours, or broken. */
const MAX_FRAMES_PER_WINDOW = 120;
const WINDOW_MS = 10_000;

/** Hardware changes when somebody opens the machine. Each change is an event that everybody hears of. */
const MIN_HARDWARE_MS = 10_000;
/** More samples than this are not kept. */
const MIN_SAMPLE_MS = 5_000;

const CLOSE = { done: 1000, policy: 1008, stopping: 1012, refused: 4403 } as const;
/** Codes after which coming again, as the same agent to the same grid, is of no use. */
const FINAL = new Set<string>(['AGENT_UNKNOWN', 'NODE_REJECTED', 'AGENT_PROTOCOL_UNSUPPORTED']);

const frameCheck = Compile(AgentFrame);

export interface AgentConnectionDeps {
  readonly log: Logger;
  readonly source: string;
  readonly daemonId: string;
  readonly caSha256: string;
  readonly now: () => Date;
  /** @throws {AppError} why it is not believed. */
  readonly connect: (request: ConnectRequest) => Promise<Connected>;
  readonly report: (sessionId: string, report: Report) => Promise<void>;
  readonly describe: (sessionId: string, hardware: Hardware) => Promise<void>;
  readonly leave: (sessionId: string) => Promise<void>;
  readonly leases: WorkDeskDeps['leases'];
  /** It is believed, and can be told things. */
  readonly onWelcome: () => void;
  readonly onBeat: (beat: Beat) => void;
  /** It has been believed, and is no more. */
  readonly onEnd: (sessionId: string) => void;
}

/** One agent's connection, from the first word to the last. What it says counts for the node whose key it has proven to hold, and for no other. */
export class AgentConnection {
  readonly sessionId = randomUUID();
  readonly #socket: WebSocket;
  readonly #deps: AgentConnectionDeps;
  readonly #nonce = randomBytes(32).toString('base64url');
  #silence: NodeJS.Timeout;
  /** Said once: a trouble that is over would stay until the node is told something else. */
  readonly #reports = new UntilNoted<Report>(
    (report) => this.#deps.report(this.sessionId, report),
    (err) => this.#deps.log.warn({ err }, 'what an agent reports could not be noted'),
  );
  /** Said after each welcome and when it is another. */
  readonly #hardware = new UntilNoted<Hardware>(
    (hardware) => this.#deps.describe(this.sessionId, hardware),
    (err) => this.#deps.log.warn({ err }, 'the hardware of a node could not be noted'),
  );
  readonly #logs = new LogRequests((frame) => this.#send(frame));
  /** To what runs there. Nothing is asked of it before it is believed, for nobody knows its session before. */
  readonly channels = new ChannelDesk((frame) => this.#send(frame));
  #node: Named | undefined;
  #work: WorkDesk | undefined;
  #told = 0;
  #proving: Promise<void> | undefined;
  #seq = 0;
  #frames = 0;
  #windowFrom = 0;
  #hardwareAt = -Infinity;
  #sampleAt = -Infinity;

  constructor(socket: WebSocket, deps: AgentConnectionDeps) {
    this.#socket = socket;
    this.#deps = deps;
    this.#silence = this.#terminateAfter(PROOF_TIMEOUT_MS);
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('error', (error) => deps.log.info({ reason: error.message }, 'agent broke off'));
    socket.on('close', () => void this.#ended());
    this.#send({
      hello: { protocols: [...AGENT_PROTOCOLS], nonce: this.#nonce, at: this.#at() },
    });
  }

  /** The node that it has proven to be. */
  get nodeId(): string | undefined {
    return this.#node?.id;
  }

  get nodeName(): string | undefined {
    return this.#node?.name;
  }

  /** Says why, and closes. */
  refuse(error: AppError): void {
    const { code, message, details } = error;
    const { hint } = errorCodes[code];
    const told = details['retryAfterSeconds'];
    const retry = typeof told === 'number' ? { retryAfterSeconds: told } : {};
    this.#send({ refused: { code, message, hint, final: FINAL.has(code), ...retry } });
    this.#close(CLOSE.refused, code);
  }

  /** Says what the node is to be from now on. */
  tell(desired: DesiredNode): void {
    if (!this.#node || desired.generation <= this.#told) return;
    this.#told = desired.generation;
    this.#send({ desired });
  }

  /** The work of the node may be otherwise. */
  tellWork(): void {
    this.#work?.tell();
  }

  /** Asks for lines of its log, until what it answers is called. @throws {AppError} NODE_OFFLINE, LIMIT_REACHED. */
  readLog(id: string, request: LogRequest, sink: LogSink): () => void {
    if (this.#node) return this.#logs.open(id, request, sink);
    throw new AppError('NODE_OFFLINE', 'The node is just connecting.');
  }

  /** The daemon stops: the agent comes again at once, to this one or another. */
  stop(): void {
    this.#close(CLOSE.stopping, 'stopping');
  }

  #receive(data: RawData, isBinary: boolean): void {
    // It has been said why it ends, and nothing more is looked at.
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    const frame = isBinary ? undefined : parsed(data);
    if (frame && ('chunk' in frame || 'over' in frame)) {
      // Counted by their credit, not by the clock.
      if (!this.channels.receive(frame)) this.#close(CLOSE.policy, 'beyond_credit');
      return;
    }
    if (!this.#wasAskedFor(frame) && !this.#isWithinRate()) {
      return this.#close(CLOSE.policy, 'too_many_frames');
    }
    if (!frame) return this.#close(CLOSE.policy, 'bad_frame');
    if ('heartbeat' in frame) return this.#beat(frame.heartbeat);
    if ('hardware' in frame) return this.#describe(frame.hardware);
    if ('report' in frame) return this.#report(frame.report);
    if ('logLines' in frame) return this.#logs.receive(frame.logLines);
    if ('need' in frame) return this.#desk()?.need(frame.need.leases);
    if ('workReport' in frame) return this.#desk()?.report(frame.workReport);
    if ('usage' in frame) return this.#desk()?.usage(frame.usage);
    if ('leave' in frame) return void this.#leave();
    if (this.#proving || !('proof' in frame)) return this.#close(CLOSE.policy, 'bad_frame');
    this.#proving = this.#prove(frame.proof);
  }

  async #prove(proof: Proof): Promise<void> {
    try {
      const { node, desired } = await this.#believed(proof);
      this.#node = node;
      this.#told = desired.generation;
      // From now on by heartbeats that are missing.
      clearTimeout(this.#silence);
      this.#silence = this.#terminateAfter(SILENCE_MS);
      this.#send({
        welcome: {
          protocol: proof.protocol,
          node,
          heartbeatSeconds: HEARTBEAT_SECONDS,
          desired,
        },
      });
      this.#work = this.#openDesk(node.id);
      this.#work.tell();
      this.#deps.onWelcome();
    } catch (error) {
      if (error instanceof AppError) return this.refuse(error);
      this.#deps.log.error({ err: error }, 'bug');
      this.refuse(new AppError('INTERNAL', 'The daemon hit a bug.'));
    }
  }

  async #believed(proof: Proof) {
    const { signature, ...said } = proof;
    if (!AGENT_PROTOCOLS.includes(proof.protocol)) {
      throw new AppError(
        'AGENT_PROTOCOL_UNSUPPORTED',
        `The agent speaks protocol ${proof.protocol}, this daemon ${AGENT_PROTOCOLS.join(', ')}.`,
      );
    }
    const skewMs = this.#skewOf(proof.at);
    if (skewMs === undefined) throw new AppError('INPUT_INVALID', '"at" is no time.');
    const { connect, daemonId, source, caSha256 } = this.#deps;
    return connect({
      nodeId: proof.node,
      sessionId: this.sessionId,
      daemonId,
      source,
      bootId: proof.bootId,
      agentVersion: proof.agentVersion,
      protocol: proof.protocol,
      skewMs,
      machine: Buffer.from(proof.machine, 'hex'),
      text: proofText(said, this.#nonce, caSha256),
      signature: Buffer.from(signature, 'base64url'),
    });
  }

  #beat({ seq, at, observedGeneration, sample }: Heartbeat): void {
    const skewMs = this.#skewOf(at);
    // A heartbeat of yesterday, sent again, says nothing of today.
    if (!this.#node || seq <= this.#seq || skewMs === undefined) {
      return this.#close(CLOSE.policy, 'bad_frame');
    }
    this.#seq = seq;
    this.#silence.refresh();
    this.#reports.again();
    this.#hardware.again();
    this.#work?.again();
    this.#deps.onBeat({
      nodeId: this.#node.id,
      sessionId: this.sessionId,
      skewMs,
      observedGeneration,
      ...(sample && this.#isDue() ? { sample: tidySample(sample) } : {}),
    });
    this.#send({ beaten: { seq, at: this.#at() } });
  }

  #isDue(): boolean {
    const at = performance.now();
    if (at - this.#sampleAt < MIN_SAMPLE_MS) return false;
    this.#sampleAt = at;
    return true;
  }

  #describe(hardware: Hardware): void {
    const at = performance.now();
    if (!this.#node || at - this.#hardwareAt < MIN_HARDWARE_MS) {
      return this.#close(CLOSE.policy, 'bad_frame');
    }
    this.#hardwareAt = at;
    this.#hardware.offer(hardware);
  }

  #openDesk(nodeId: string): WorkDesk {
    const { leases, log } = this.#deps;
    return new WorkDesk({
      nodeId,
      sessionId: this.sessionId,
      leases,
      send: (frame) => this.#send(frame),
      onTrouble: (err, what) => log.warn({ err, node: nodeId }, `${what} failed`),
    });
  }

  /** Before it is believed, nobody works for us. */
  #desk(): WorkDesk | undefined {
    if (!this.#work) this.#close(CLOSE.policy, 'bad_frame');
    return this.#work;
  }

  #report(report: Report): void {
    if (!this.#node) return this.#close(CLOSE.policy, 'bad_frame');
    this.#reports.offer(report);
  }

  /** Also when it broke off while it was being believed. */
  async #ended(): Promise<void> {
    clearTimeout(this.#silence);
    this.#logs.close();
    this.channels.close();
    await this.#proving;
    clearTimeout(this.#silence);
    if (this.#node) this.#deps.onEnd(this.sessionId);
  }

  #terminateAfter(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#socket.terminate(), ms);
  }

  async #leave(): Promise<void> {
    if (!this.#node) return this.#close(CLOSE.policy, 'bad_frame');
    try {
      await this.#deps.leave(this.sessionId);
      this.#send({ left: {} });
      this.#close(CLOSE.done, 'left');
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'an agent could not leave');
      this.refuse(new AppError('DATABASE_UNAVAILABLE', 'The daemon could not note it. Try again.'));
    }
  }

  /** How far the agent's clock is ahead. Undefined for what looks like a time and is none, such as a leap second. */
  #skewOf(at: string): number | undefined {
    const skewMs = Date.parse(at) - this.#deps.now().getTime();
    return Number.isSafeInteger(skewMs) ? skewMs : undefined;
  }

  /** However many read its log, an agent that answers says no more than it should. */
  #wasAskedFor(frame: AgentFrame | undefined): boolean {
    return frame !== undefined && 'logLines' in frame && this.#logs.takeOwed(frame.logLines.id);
  }

  #isWithinRate(): boolean {
    const at = performance.now();
    if (at - this.#windowFrom > WINDOW_MS) {
      this.#windowFrom = at;
      this.#frames = 0;
    }
    this.#frames += 1;
    return this.#frames <= MAX_FRAMES_PER_WINDOW;
  }

  #at(): string {
    return this.#deps.now().toISOString();
  }

  #send(frame: DaemonFrame): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #close(code: number, reason: string): void {
    this.#socket.close(code, reason);
    // One that does not answer the closing is not waited for.
    setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS).unref();
  }
}

function parsed(data: RawData): AgentFrame | undefined {
  try {
    const frame: unknown = JSON.parse(messageText(data));
    return frameCheck.Check(frame) ? frame : undefined;
  } catch {
    return undefined;
  }
}
