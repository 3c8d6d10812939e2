/** Beginnings of stories such as the model knows them; the first is in index.html too. */
export const EXAMPLES: readonly string[] = [
  'Once upon a time there was a little girl named [[1]]. She loved to play with her [[1]]. One day she [[6-12]] Her mother smiled and said, "[[4-10]]',
  '[[8-16]] And they all lived happily ever after.',
  'There was a little boy named [[1]]. [[1]] had a dog, and the dog was very [[1]]. They went to the [[1]] together.',
  'Lily saw a cat in the tree. The cat was [[1]]. "[[4-8]]" said Lily. The cat came down and [[4-8]]',
  'It was a cold day, and it was raining. [[8-14]] So Tom stayed at home and played with his toys.',
  'In the big bag there was a red [[1]], a blue [[1]], a little [[1]] and a very old [[1]].',
  'The sun is [[1]], the sky is [[1]],\nthe little bird is [[2-4]].\nGood night, my [[1]], good night, my [[1]],\n[[4-8]]',
  'Once upon a time there was a [[1]] named [[1]] who lived in a little house by the [[1]]. One day he saw [[4-8]]',
  'The princess opened the door. Behind it she saw [[?]]\n\n"Who are you?" she asked.\n\n"I am [[4-8]]',
  'The [[1]] was hungry. He went to the [[1]] and ate all the [[1]]. Then he was not hungry any more, and he went to [[1]].',
  'Ben lost his ball in the park. He was very [[1]]. [[10-16]] Ben was happy again and said, "[[4-8]]',
  'There was once a king who had three [[1]]. The first was [[1]], the second was [[1]], and the third was [[3-6]]',
];

/** Any example but the one that stands in the box. */
export function another(than: string, examples = EXAMPLES): string {
  const others = examples.filter((example) => example !== than);
  return others[Math.floor(Math.random() * others.length)] ?? than;
}
