"""Record systems from elsewhere, and to elsewhere: imports into archives, exports of them."""
