export const NAME = "elsewhere";
