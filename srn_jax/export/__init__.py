"""A trained generator alone, without what only training needs."""
