/** A conversation: its messages, kept between visits. */
import type { ChatMessage } from 'palimpsest';
import { recall, remember } from './storage.ts';

const MEMORY = 'talk';

const isMessage = (value: unknown): value is ChatMessage => {
  const { role, content } = (value ?? {}) as Partial<ChatMessage>;
  return (role === 'user' || role === 'assistant') && typeof content === 'string';
};

export class Talk {
  messages: ChatMessage[] = [];

  constructor() {
    const kept = recall(MEMORY);
    if (Array.isArray(kept) && kept.every(isMessage)) this.messages = kept.map(({ role, content }) => ({ role, content }));
  }

  get last(): ChatMessage | undefined {
    return this.messages.at(-1);
  }

  /** Adds a message; the content of an answer grows while it is generated. */
  add(role: 'user' | 'assistant', content: string): ChatMessage {
    const message = { role, content };
    this.messages.push(message);
    return message;
  }

  /** Removes the last message, and returns its content. */
  take(): string {
    return this.messages.pop()?.content ?? '';
  }

  /** Replaces all messages, and returns the earlier ones. */
  replace(messages: ChatMessage[]): ChatMessage[] {
    const before = this.messages;
    this.messages = messages;
    this.keep();
    return before;
  }

  keep(): void {
    remember(MEMORY, this.messages);
  }

  /** The messages for the model. */
  prompt(system: string): ChatMessage[] {
    return [...(system ? [{ role: 'system', content: system }] : []), ...this.messages];
  }

  get text(): string {
    return this.messages.map(({ role, content }) => `${SPEAKERS[role]}: ${content.trim()}\n`).join('\n');
  }
}

export const SPEAKERS: Record<string, string> = { user: 'You', assistant: 'Model' };
