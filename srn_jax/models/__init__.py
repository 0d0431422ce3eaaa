"""The networks: generators, critics and the VGG-19 feature extractor, as pure Linen modules."""
