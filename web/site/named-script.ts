/** The page requires Trusted Types: only its own scripts, which are named through here, and the library's worker can be
 *  started. */
type Policy = { createScriptURL(script: string): string };
let policy: Policy | null = null;

export function named(script: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): Policy } };
  if (!trustedTypes) return script;
  policy ??= trustedTypes.createPolicy('palimpsest-page', { createScriptURL: (given: string) => given });
  return policy.createScriptURL(script);
}
