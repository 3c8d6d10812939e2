/** Beginnings of stories of the kind that the model knows. The first one is in index.html too. */
export const BEGINNINGS: readonly string[] = [
  'Once upon a time there was a little fox who lived in a',
  'One day a girl named Mia found a',
  'The king had three sons. The youngest of them',
  '"Where are you going?" asked the cat.',
  'It was raining, and Tom could not go outside. So he',
  'Deep in the forest there stood a little house. In it lived',
  'The old woman opened the box, and inside she saw',
  'Long ago, when animals could talk, the hare and the lion',
  'Lily and Ben went to the park with their mom. They saw a big',
  'The moon said to the little star,',
];

/** The same for general English. */
export const ENGLISH_BEGINNINGS: readonly string[] = [
  'Dear Ms Miller, thank you for your letter of last week. I am writing because',
  'To make a good tomato soup, first',
  'The city council announced on Monday that',
  'A compass is an instrument that',
  '"Good morning, how can I help you?" asked the shop assistant.',
  'Before you paint a wall,',
];
