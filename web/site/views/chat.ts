/** The conversation in the view Continue, for models with a chat template. */
import { PalimpsestError, type ChatMessage, type GenerateResult } from 'palimpsest';
import { announce, announceNow } from '../announce.ts';
import { tooLong } from '../continuation.ts';
import { byId, calm, make, setText } from '../dom.ts';
import type { Engine } from '../engine.ts';
import { complain, explain, isAbort, remedies, settle } from '../errors.ts';
import { counted, countWords, seconds } from '../format.ts';
import { recall, remember } from '../storage.ts';
import { SPEAKERS, Talk } from '../talk.ts';
import { copyText } from '../textbox.ts';
import type { WritingForm, WritingOptions } from '../writing-options.ts';

const button = (id: string): HTMLButtonElement => byId<HTMLButtonElement>(id);
/** Answers end by themselves; this is for those that do not. */
const LONGEST_ANSWER = 512;

export class ChatView {
  private readonly box = byId<HTMLTextAreaElement>('message');
  private readonly system = byId<HTMLTextAreaElement>('system');
  private readonly error = byId('chat-error');
  private readonly list = byId('talk');
  private readonly talk = new Talk();
  /** What "New conversation" has put away, until the next message. */
  private before: ChatMessage[] | null = null;
  private running: AbortController | null = null;
  private result: GenerateResult | null = null;
  private chosen = recall('continue-mode') === 'chat';
  private frame = 0;

  /** `leave`: called when the other kind of writing is left. */
  constructor(private readonly engine: Engine, private readonly form: WritingForm, private readonly leave: () => void) {
    const kept = { message: recall('message'), system: recall('system') };
    if (typeof kept.message === 'string') this.box.value = kept.message;
    if (typeof kept.system === 'string') this.system.value = kept.system;
    this.listen();
    engine.onChange(() => this.suit());
    this.suit();
    this.draw();
  }

  private listen(): void {
    const clicks: Record<string, () => void> = {
      'mode-text': () => this.choose(false),
      'mode-chat': () => this.choose(true),
      send: () => (this.running ? this.stop() : void this.send()),
      'new-talk': () => this.renew(),
      'answer-again': () => void this.again(),
      'copy-talk': () => void this.copy(),
    };
    for (const [id, act] of Object.entries(clicks)) button(id).addEventListener('click', act);
    this.box.addEventListener('input', () => remember('message', this.box.value));
    this.system.addEventListener('input', () => remember('system', this.system.value));
    this.box.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!this.running) void this.send();
    });
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.running && !byId('view-continue').hidden) this.stop();
    });
  }

  // ---- text or conversation

  private choose(chat: boolean): void {
    if (chat === this.chosen) return;
    this.chosen = chat;
    remember('continue-mode', chat ? 'chat' : 'text');
    if (chat) this.leave();
    else this.stop();
    this.suit();
  }

  /** Without a chat template there is no conversation; it is kept for the next model that has one. */
  private suit(): void {
    const can = this.engine.model?.info.canChat ?? false;
    const chat = can && this.chosen;
    byId('continue-mode').hidden = !can;
    button('mode-text').setAttribute('aria-pressed', String(!chat));
    button('mode-chat').setAttribute('aria-pressed', String(chat));
    for (const [id, shown] of [['prompt-part', !chat], ['sheet-part', !chat], ['message-part', chat], ['talk-part', chat]] as const) byId(id).hidden = !shown;
    settle(byId(chat ? 'continue-error' : 'chat-error'));
    if (!chat) this.stop();
  }

  // ---- messages

  private stop(): void {
    this.running?.abort();
  }

  private async send(): Promise<void> {
    const content = this.box.value.trim();
    const options = this.ask();
    if (!options) return;
    if (!content) return this.box.focus();
    this.write('');
    this.before = null;
    this.talk.add('user', content);
    await this.answer(options);
  }

  private async again(): Promise<void> {
    const options = this.ask();
    if (!options || this.talk.last?.role !== 'assistant') return;
    const old = this.talk.take();
    await this.answer({ ...options, generate: { ...options.generate, seed: undefined } }, old);
  }

  private renew(): void {
    settle(this.error);
    this.result = null;
    if (this.before) this.talk.replace(this.before);
    this.before = this.before ? null : this.talk.replace([]);
    announce(this.before ? 'A new conversation' : 'The last conversation is back');
    this.draw();
    this.box.focus();
  }

  private write(message: string): void {
    this.box.value = message;
    remember('message', message);
  }

  /** The options, if everything that is needed is there. */
  private ask(): WritingOptions | null {
    if (this.running) return null;
    settle(this.error);
    if (this.engine.missing) announceNow(this.engine.missing);
    return this.engine.missing ? null : this.form.read();
  }

  // ---- answers

  /** Answers the last message.  `old`: the answer to be replaced, which stays if there is no new one. */
  private async answer({ generate }: WritingOptions, old: string | null = null): Promise<void> {
    const prompt = this.talk.prompt(this.system.value.trim());
    const answer = this.talk.add('assistant', '');
    this.running = new AbortController();
    const { signal } = this.running;
    this.result = null;
    this.draw();
    announce('The model answers');
    let problem: unknown = null;
    try {
      const model = await this.engine.ready(signal);
      const generation = model.chat(prompt, { ...generate, maxTokens: LONGEST_ANSWER, ignoreEos: false, shift: false, date: new Date(), signal });
      for await (const { text } of generation) {
        answer.content += text;
        this.later();
      }
      this.result = await generation.result();
    } catch (error) {
      problem = error;
    }
    this.finish(answer, old, problem);
  }

  /** What was said stays, also if it was stopped; a message without an answer goes back into its box. */
  private finish(answer: ChatMessage, old: string | null, problem: unknown): void {
    this.running = null;
    if (!answer.content.trim() && problem) {
      this.talk.take();
      if (old !== null) this.talk.add('assistant', old);
      else this.write(this.box.value || this.talk.take());
    }
    this.talk.keep();
    this.draw();
    if (isAbort(problem)) announce('Stopped');
    else if (problem) this.fail(problem);
    else announce(`${SPEAKERS.assistant}: ${answer.content.trim() || 'says nothing'}`);
    if (this.result?.finish === 'context') this.tellFull(`${this.limit} The answer ends here; a new conversation has space again.`);
  }

  private fail(error: unknown): void {
    if (error === this.engine.failure?.error) return; // said by the line of the model
    if (error instanceof PalimpsestError && error.code === 'context') return void this.failTooLong();
    const complaint = explain(error, '');
    complain(this.error, complaint, remedies(complaint.remedy, () => void this.send()));
  }

  /** Says by how much the conversation is too long.  The template adds a few tokens, so the number is not exact. */
  private async failTooLong(): Promise<void> {
    const { model } = this.engine;
    const text = [this.system.value, ...this.talk.messages.map(({ content }) => content), this.box.value].join('\n');
    const count = model ? 1 + (await model.tokenize(text).catch(() => [])).length : 0;
    const long = model && count >= model.info.room ? tooLong('The conversation', count, model.info.room, countWords(text)) : this.limit;
    this.tellFull(`${long} Your message is in its box again: make it shorter, or begin a new conversation.`);
  }

  private get limit(): string {
    return `The model remembers ${counted(this.engine.model?.info.room ?? 0, 'token')} (words or pieces of words).`;
  }

  private tellFull(detail: string): void {
    complain(this.error, { title: 'The conversation has reached the model’s limit.', detail, remedy: null });
  }

  private async copy(): Promise<void> {
    const copied = await copyText(this.talk.text);
    button('copy-talk').textContent = copied ? 'Copied' : 'Not allowed';
    announce(copied ? 'Copied' : 'The browser did not allow copying');
    setTimeout(() => (button('copy-talk').textContent = 'Copy'), 2000);
  }

  // ---- drawing

  /** At most once per frame, because many tokens come per frame. */
  private later(): void {
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { messages } = this.talk;
    const busy = this.running !== null;
    while (this.list.children.length > messages.length) this.list.lastElementChild?.remove();
    messages.forEach((message, i) => this.show(message, i, busy && i === messages.length - 1));
    this.list.setAttribute('aria-busy', String(busy));
    byId('talk-empty').hidden = messages.length > 0;
    const main = button('send');
    main.textContent = busy ? 'Stop' : 'Send';
    main.classList.toggle('stop', busy);
    button('new-talk').disabled = busy || (!messages.length && !this.before);
    setText(button('new-talk'), this.before ? 'Bring the last conversation back' : 'New conversation');
    button('answer-again').disabled = busy || this.talk.last?.role !== 'assistant';
    button('copy-talk').disabled = busy || !messages.length;
    setText(byId('chat-statistics'), this.result ? facts(this.result) : '');
    if (busy) this.list.lastElementChild?.scrollIntoView({ block: 'nearest', behavior: calm.matches ? 'auto' : 'smooth' });
  }

  /** Writes only what has changed. */
  private show({ role, content }: ChatMessage, at: number, growing: boolean): void {
    let item = this.list.children[at];
    if (!item) {
      item = make('li', {}, make('p', { class: 'who' }), make('p', { class: 'words' }));
      this.list.append(item);
    }
    const [who, words] = item.children as unknown as [HTMLElement, HTMLElement];
    item.className = role === 'user' ? 'said mine' : 'said';
    item.classList.toggle('growing', growing);
    setText(who, SPEAKERS[role] ?? role);
    setText(words, content.trim());
  }
}

function facts({ seconds: time, drawn, tokens, known, tokensPerSecond, finish, seed }: GenerateResult): string {
  return [
    seconds(time),
    counted(drawn, 'token'),
    tokensPerSecond ? `${Math.round(tokensPerSecond).toLocaleString('en')} tokens/s` : '',
    known ? `kept ${known} of ${counted(tokens, 'token')}` : `read ${counted(tokens, 'token')}`,
    finish === 'length' ? 'stopped because it was long' : '',
    `seed ${seed}`,
  ].filter(Boolean).join(' · ');
}
