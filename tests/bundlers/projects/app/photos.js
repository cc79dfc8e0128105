export const PHOTOS = ['boats_rgb_320x200.png', 'airplane_grey_320x200.png', 'acanthus_rgb_300x401.png'];
