/** Examples of what the model does well, each tried with a dozen seeds. The first one is in index.html too. */
export const EXAMPLES: readonly string[] = [
  'Once upon a time, in a [[1]] forest, there lived a [[1]] rabbit named Max. One day he met a little bird. "Can I play with you?" asked Max. "[[1]], you can," said the bird. They played together all [[1]]. From that day on, they [[4-8]].',
  // Beginnings and endings.
  '[[5]] there was a little girl named [[1]]. She loved to play outside with her [[1]].',
  'They played together all day, and they were very [[1]]. When it was time to go [[1]], they said [[1]] to each other. The [[1]].',
  'Tom said sorry and gave the ball back. Ben smiled and said, "It\'s [[1]]." They hugged and played together again. From that day on, they [[?]].',
  // Talk.
  '"I am so [[1]]," said the little bear. "Can I have some [[1]]?" "[[1]]," said his mother, and she gave him a big [[1]].',
  '"Can I play with you?" asked Tim. "[[1]], you can," said Sue. "Let\'s [[2-4]]!" They played together all day and had a lot of [[1]].',
  'Lily was very sad because she lost her doll. Her mom said, "Don\'t [[1]], Lily." They looked and looked, and at last they [[1]] the doll under the [[1]].',
  // A name.
  'Once upon a time, there was a boy named [[1]]. [[1]] loved to play with his red ball. One day, the ball fell into the [[1]], and [[1]] was very sad.',
  // Lists.
  'On Monday he went to the [[1]], on Tuesday he went to the [[1]], and on Sunday he went [[1]].',
  'In the garden there were big trees, red [[1]], green [[1]] and blue [[1]].',
  // Verse.
  'Twinkle, twinkle, little star,\nhow I wonder what you [[1]]!\nUp above the [[1]] so high,\nlike a diamond in the [[1]].',
  // Two blanks of one word each.
  'He was a very [[1]][[1]] boy, and everybody in the village liked him.',
  // The model chooses the lengths.
  'The king [[?]] and gave the boy a bag of gold.',
  'Once upon a time there was a [[?]] who lived in [[4]].',
  // A whole sentence.
  'Once upon a time, there was a little girl named Lily. [[8]] One day, Lily went to the park with her mom.',
];

/** The same for general English. */
export const ENGLISH_EXAMPLES: readonly string[] = [
  // A letter.
  'Dear Ms Miller, thank you very [[1]] for your [[1]] of last week. I look [[1]] to seeing you on Monday. Yours sincerely, Tom Baker',
  // A recipe.
  'Tomato soup. Cut two onions into small [[1]] and fry them in [[1]] oil for five minutes. Add the tomatoes, a little salt and [[1]], and let the soup [[1]] for half an hour.',
  // A line of news.
  'Thousands of people were without [[1]] on Monday after heavy [[1]] hit the south of the country. Trains were [[1]], and many schools were [[1]].',
  // An instruction.
  'Before you paint a wall, clean it and cover the [[1]] with paper. Use a large brush for the [[1]] and a small one for the [[1]].',
  // Definitions.
  'A thermometer is an instrument that measures [[1]]. Gravity is the [[1]] that pulls objects towards the [[1]].',
  // Talk.
  '"Good morning, how can I [[1]] you?" asked the shop assistant. "I am looking for a [[1]] for my [[1]]," said the man.',
];

/** Any example except the one that is in the box. */
export function another(than: string, examples = EXAMPLES): string {
  const others = examples.filter((example) => example !== than);
  return others[Math.floor(Math.random() * others.length)] ?? than;
}
