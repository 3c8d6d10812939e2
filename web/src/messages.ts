/** The check of what a caller gives to chat(). */

/** What is wrong with the messages and the date, or null.  `told`: a value as text for an error. */
export function checkChat(messages: unknown, date: unknown, told: (value: unknown) => string): string | null {
  if (!Array.isArray(messages) || !messages.length) return `messages must be an array with at least one message, not ${told(messages)}`;
  for (const [i, message] of messages.entries())
    for (const key of ['role', 'content'])
      if (typeof message[key] !== 'string') return `${key} of message ${i} must be a string, not ${told(message[key])}`;
  if (date === undefined || (date instanceof Date && date.getTime() === date.getTime())) return null;
  return `date must be a Date, not ${told(date)}`;
}
